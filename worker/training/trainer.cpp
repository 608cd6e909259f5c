#include "worker/training/trainer.h"

#include <cmath>
#include <span>
#include <utility>
#include <vector>

#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include "base/error.h"
#include "base/random.h"
#include "worker/pruning/network_paths.h"
#include "worker/training/evaluation.h"
#include "worker/training/lr_schedule.h"

namespace espalier {
namespace {

// Reading the loss from an accelerator synchronizes with it; there it is checked on a grid of absolute steps, so that
// the end of a diverging run does not depend on which rank ran it.
constexpr std::int64_t kLossGrid = 64;

}  // namespace

Trainer::Trainer(const TrainSpec& spec, std::uint64_t seed, Network& network, const ResidentDataset& data, Gang* gang,
                 MakeSparsifier make_sparsifier)
    : spec_(spec),
      network_(network),
      data_(data),
      gang_(gang),
      order_{seed, spec.phase, spec.dataset.train, spec.batch_size},
      optimizer_(make_optimizer(spec.optimizer, network.parameters())),
      loss_sum_(at::zeros({}, network.parameters().options().dtype(at::kDouble))) {
  if (spec.batch_size <= 0 || spec.dataset.train <= 0) {
    throw Error(ErrorKind::invalid_input, "training needs a batch size and a training set above 0");
  }
  if (!spec_.augment.empty() && spec_.augment != "crop_flip") {
    throw Error(ErrorKind::invalid_input, "unknown augmentation \"" + spec_.augment + "\"; use crop_flip");
  }
  if (const int ranks = gang_ != nullptr ? gang_->size() : 1; ranks != spec_.ranks) {
    throw Error(ErrorKind::internal, "a training of " + std::to_string(spec_.ranks) + " ranks was given to " +
                                         std::to_string(ranks) + "; its numbers would be others");
  }
  if (gang_ != nullptr) gang_gradients_.emplace(*gang_, network_);
  sparsifier_ = make_sparsifier({spec_, seed, network_, data_, *optimizer_});
  state_.step = spec.start_step;
  collapsed_ = !has_path(network);
}

void Trainer::restore(TrainState state, const NamedTensors& tensors) {
  if (state.step < spec_.start_step || state.step > spec_.end_step) {
    throw Error(ErrorKind::corrupt, "a saved state at step " + std::to_string(state.step) +
                                        " is not on the way from step " + std::to_string(spec_.start_step) + " to " +
                                        std::to_string(spec_.end_step));
  }
  optimizer_->load_state(tensors);
  if (sparsifier_) sparsifier_->load_state(tensors);
  restore_network(tensors);
  loss_sum_.fill_(state.loss_sum);
  state_ = std::move(state);
}

void Trainer::restore_network(const NamedTensors& tensors) {
  if (!leaves_masks()) return network_.set_weights(tensors);
  const NamedTensors before = network_.masks();
  try {
    network_.set_masks(masks_among(tensors));
    network_.set_weights(tensors);
  } catch (...) {
    network_.set_masks(before);  // it may start from other weights now, and not with these masks
    throw;
  }
}

bool Trainer::on_masks_changed() {
  if (gang_ != nullptr)
    require_equal(*gang_, digest_of(network_.masks()), "masks at step " + std::to_string(state_.step));
  // The best so far was that of another network.
  state_.best_validation_loss.reset();
  state_.test_accuracy_at_best_validation.reset();
  collapsed_ = !has_path(network_);
  return !collapsed_;
}

void Trainer::take_step(bool stop) {
  if (sparsifier_ && sparsifier_->before_step(state_.step) && !on_masks_changed()) return;
  const double lr = learning_rate(spec_.lr_schedule, spec_.optimizer.lr, state_.step);
  const auto place = static_cast<std::uint64_t>(spec_.phase) << 40 | static_cast<std::uint64_t>(state_.step);
  network_.seed_step(RandomStream(order_.seed, "dropout", place).next_u64());
  add_loss(loss_and_gradients(stop));
  if (state_.diverged) return;
  if (sparsifier_) sparsifier_->after_gradients(state_.step);
  optimizer_->step(network_.parameters(), network_.gradients(), lr);
  network_.apply_masks();
  if (sparsifier_ && sparsifier_->after_step(state_.step, lr)) on_masks_changed();
  ++state_.step;
  if (spec_.eval_every > 0 && state_.step % spec_.eval_every == 0) evaluate_now(lr);
}

void Trainer::evaluate_end() {
  const bool diverged = state_.diverged || !std::isfinite(state().loss_sum);
  if (diverged || spec_.eval_every <= 0 || state_.step == spec_.start_step) return;
  if (state_.step % spec_.eval_every != 0) {
    evaluate_now(learning_rate(spec_.lr_schedule, spec_.optimizer.lr, state_.step - 1));
  }
}

at::Tensor Trainer::loss_and_gradients(bool stop) {
  const std::int64_t count = order_.place(state_.step).count;
  if (!gang_gradients_) {
    const Batch batch = next_batch({0, count});
    return network_.loss_and_gradients(batch.inputs, batch.labels, Mode::train, penalty());
  }
  const Batch slice = next_batch(part_of(count, gang_->member(), gang_->size()));
  const GangGradients::Pass pass = gang_gradients_->loss_and_gradients(slice, count, stop, penalty());
  gang_stops_ = pass.stop;
  return at::full({}, pass.loss, loss_sum_.options());
}

Network::Penalty Trainer::penalty() {
  if (!sparsifier_ || (gang_ != nullptr && !gang_->leads())) return {};
  return [this] { return sparsifier_->penalty(); };
}

Batch Trainer::next_batch(const Part& part) {
  const at::Tensor batch = batch_indices();
  const at::Tensor indices = batch.narrow(0, part.first, part.count);
  if (spec_.augment.empty()) return data_.gather(data_.train(), indices);
  const std::vector<CropFlip> crops = draw_crop_flips(order_.seed, spec_.phase, state_.step, batch.size(0));
  return data_.gather(
      data_.train(), indices,
      std::span(crops).subspan(static_cast<std::size_t>(part.first), static_cast<std::size_t>(part.count)));
}

at::Tensor Trainer::batch_indices() {
  const DataOrder::Place place = order_.place(state_.step);
  if (place.epoch != epoch_) {
    epoch_order_ = at::tensor(order_.epoch_order(place.epoch), at::kLong).to(network_.parameters().device());
    epoch_ = place.epoch;
  }
  return epoch_order_.narrow(0, place.first, place.count);
}

void Trainer::add_loss(const at::Tensor& loss) {
  loss_sum_.add_(loss);
  ++state_.loss_count;
  if (loss_sum_.device().is_cpu() || state_.step % kLossGrid == 0) state_.diverged = !std::isfinite(state().loss_sum);
}

void Trainer::evaluate_now(double lr) {
  record("train_loss", recent_loss());
  record("lr", lr);
  state_.loss_sum = 0;
  state_.loss_count = 0;
  loss_sum_.zero_();
  if (data_.validation().count() == 0) return;
  const Evaluation validation = evaluate(network_, data_, data_.validation(), gang_);
  record("validation_loss", validation.loss());
  record("validation_accuracy", validation.accuracy());
  const double best = state_.best_validation_loss.value_or(HUGE_VAL);
  if (!(validation.loss() < best) || data_.test().count() == 0) return;
  state_.best_validation_loss = validation.loss();
  state_.test_accuracy_at_best_validation = evaluate(network_, data_, data_.test(), gang_).accuracy();
  record("test_accuracy", *state_.test_accuracy_at_best_validation);
}

void Trainer::require_agreement(const std::string& when, ErrorKind kind) {
  if (gang_ == nullptr) return;
  const std::string step = std::to_string(state_.step);
  require_equal(*gang_, sha256(step + " " + to_hex(digest_of(tensors()))),
                "weights and optimizer " + when + ", at step " + step, kind);
}

const TrainState& Trainer::state() {
  state_.loss_sum = loss_sum_.item<double>();
  return state_;
}

NamedTensors Trainer::tensors() const {
  NamedTensors tensors = network_.weights();
  if (leaves_masks()) tensors = with_masks(std::move(tensors), network_.masks());
  for (auto& entry : optimizer_->state()) tensors.push_back(std::move(entry));
  if (sparsifier_) {
    for (auto& entry : sparsifier_->state()) tensors.push_back(std::move(entry));
  }
  return tensors;
}

double Trainer::recent_loss() {
  if (state_.loss_count > 0) return state().loss_sum / static_cast<double>(state_.loss_count);
  for (auto point = state_.metrics.rbegin(); point != state_.metrics.rend(); ++point) {
    if (point->name == "train_loss") return point->value;
  }
  return std::nan("");
}

}  // namespace espalier
