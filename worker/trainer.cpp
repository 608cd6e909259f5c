#include "worker/trainer.h"

#include <cmath>
#include <utility>

#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include "base/error.h"
#include "base/random.h"
#include "worker/evaluation.h"
#include "worker/lr_schedule.h"
#include "worker/network_paths.h"

namespace espalier {
namespace {

// Fetching the loss from an accelerator waits for it; there it is looked at on a grid of absolute steps, so that where
// a diverging run ends does not depend on who ran it.
constexpr std::int64_t kLossGrid = 64;

}  // namespace

Trainer::Trainer(const TrainSpec& spec, std::uint64_t seed, Network& network, const ResidentDataset& data)
    : spec_(spec),
      network_(network),
      data_(data),
      order_{seed, spec.phase, spec.dataset.train, spec.batch_size},
      optimizer_(make_optimizer(spec.optimizer, network.parameters())),
      loss_sum_(at::zeros({}, network.parameters().options().dtype(at::kDouble))) {
  if (spec.batch_size <= 0 || spec.dataset.train <= 0) {
    throw Error(ErrorKind::invalid_input, "training needs a batch size and a training set above 0");
  }
  if (!spec_.augment.empty() && spec_.augment != "crop_flip") {
    throw Error(ErrorKind::invalid_input, "unknown augmentation \"" + spec_.augment + "\"; use crop_flip");
  }
  if (spec_.gradual) gradual_.emplace(*spec_.gradual, seed, network_, data_);
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
  if (gradual_) network_.set_masks(masks_among(tensors));
  network_.set_weights(tensors);
  loss_sum_.fill_(state.loss_sum);
  state_ = std::move(state);
}

void Trainer::take_step() {
  if (gradual_ && gradual_->before_step(state_.step)) {
    // The best so far was that of a denser network.
    state_.best_validation_loss.reset();
    state_.accuracy_best_val.reset();
    collapsed_ = !has_path(network_);
    if (collapsed_) return;
  }
  const double lr = learning_rate(spec_.lr_schedule, spec_.optimizer.lr, state_.step);
  const Batch batch = next_batch();
  const auto place = static_cast<std::uint64_t>(spec_.phase) << 40 | static_cast<std::uint64_t>(state_.step);
  network_.seed_step(RandomStream(order_.seed, "dropout", place).next_u64());
  add_loss(network_.loss_and_gradients(batch.images, batch.labels, Mode::train));
  if (state_.diverged) return;
  optimizer_->step(network_.parameters(), network_.gradients(), lr);
  network_.apply_masks();
  ++state_.step;
  if (spec_.eval_every > 0 && state_.step % spec_.eval_every == 0) look(lr);
}

void Trainer::look_at_end() {
  const bool diverged = state_.diverged || !std::isfinite(state().loss_sum);
  if (diverged || spec_.eval_every <= 0 || state_.step == spec_.start_step) return;
  if (state_.step % spec_.eval_every != 0) {
    look(learning_rate(spec_.lr_schedule, spec_.optimizer.lr, state_.step - 1));
  }
}

Batch Trainer::next_batch() {
  const at::Tensor indices = batch_indices();
  if (spec_.augment.empty()) return data_.gather(data_.train(), indices);
  return data_.gather(data_.train(), indices, draw_crop_flips(order_.seed, spec_.phase, state_.step, indices.size(0)));
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

void Trainer::look(double lr) {
  record("train_loss", recent_loss());
  record("lr", lr);
  state_.loss_sum = 0;
  state_.loss_count = 0;
  loss_sum_.zero_();
  if (data_.validation().count() == 0) return;
  const Evaluation validation = evaluate(network_, data_, data_.validation());
  record("validation_loss", validation.loss);
  record("validation_accuracy", validation.accuracy);
  const double best = state_.best_validation_loss.value_or(HUGE_VAL);
  if (!(validation.loss < best) || data_.test().count() == 0) return;
  state_.best_validation_loss = validation.loss;
  state_.accuracy_best_val = evaluate(network_, data_, data_.test()).accuracy;
  record("test_accuracy", *state_.accuracy_best_val);
}

const TrainState& Trainer::state() {
  state_.loss_sum = loss_sum_.item<double>();
  return state_;
}

NamedTensors Trainer::tensors() const {
  NamedTensors tensors = network_.weights();
  if (gradual_) tensors = with_masks(std::move(tensors), network_.masks());
  for (auto& entry : optimizer_->state()) tensors.push_back(std::move(entry));
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
