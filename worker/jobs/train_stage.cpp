#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "experiments/models/model_description.h"
#include "worker/files/sealed_file.h"
#include "worker/jobs/stage_network.h"
#include "worker/jobs/stages.h"
#include "worker/pruning/network_paths.h"
#include "worker/training/trainer.h"

namespace espalier {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::seconds kProgressEvery{1};

std::vector<LayerCount> count_layers(const Network& network) {
  std::vector<LayerCount> layers;
  for (const PrunableWeight& layer : network.prunable()) {
    layers.push_back({layer.layer, layer.mask.numel(), -1, layer.mask.sum(at::kLong).item<std::int64_t>()});
  }
  return layers;
}

/// A running train stage: its files, and when it began.
class TrainRun {
 public:
  TrainRun(const StageContext& context, const TrainSpec& spec)
      : context_(context),
        spec_(spec),
        checkpoint_(context.checkpoints.path_of(context.stage.key)),
        network_(context, spec.model, spec.compute),
        data_(context.datasets.get(spec.dataset, context.stage.dataset_path)) {}

  /// From its own checkpoint, from the state that the cut before it kept, or from its input weights.
  void take_up() {
    const auto latest = context_.checkpoints.latest(context_.stage.key, context_.gang != nullptr);
    if (latest && restore(*latest, context_.stage.key)) {
      earlier_s_ = trainer_->state().wall_s;
      spdlog::info("attempt {}: goes on from a checkpoint at step {} of {}", context_.attempt, trainer_->state().step,
                   spec_.end_step);
    } else if (!restore_earlier_cut()) {
      network_.set_weights(context_.needed_input(InputRole::weights));
      make_trainer();
    }
    trainer_->require_agreement("taken up from " + checkpoint_.parent_path().string() + ", which all ranks share",
                                ErrorKind::unavailable);
    check_shrunk();
    first_step_ = trainer_->state().step;
  }

  /// False: asked to stop before the end.
  bool train() {
    report();
    while (!trainer_->finished()) {
      if (must_stop()) return false;
      trainer_->take_step(context_.stop);
      if (context_.callbacks.on_first_step && !std::exchange(stepped_, true)) context_.callbacks.on_first_step();
      if (!trainer_->at_epoch_end() && Clock::now() < reported_ + kProgressEvery) continue;
      report();
      if (!trainer_->at_epoch_end()) continue;
      trainer_->require_agreement("after an epoch");
      if (Clock::now() >= saved_ + context_.settings.checkpoint_every) save_checkpoint(SendWhen::later);
    }
    return true;
  }

  void leave_early() {
    trainer_->require_agreement("when it stopped");
    save_checkpoint(SendWhen::now);
  }

  void save_checkpoint(SendWhen when) {
    if (!context_.writes()) return;
    const auto begin = Clock::now();
    context_.checkpoints.write(context_.stage.key, present_state().content, when);
    saved_ = Clock::now();
    if (context_.callbacks.on_checkpoint) {
      context_.callbacks.on_checkpoint({trainer_->state().step > first_step_, saved_ - begin});
    }
  }

  /// Keeps the checkpoint until the outcome is in the database, so that a retry need not train again; the coordinator
  /// then removes it. A training that is repeated as fast as it is restored needs none.
  void keep_end() {
    trainer_->require_agreement("in the end");
    if (!context_.writes()) return;
    if (context_.stage.keep_resume_state) {
      context_.artifacts.write_resume_state(context_.stage.key, present_state().content);
    }
    std::error_code ignored;
    const std::chrono::duration<double> worth_keeping = context_.settings.checkpoint_every;
    if (worked_s() > worth_keeping.count() || std::filesystem::exists(checkpoint_, ignored)) {
      save_checkpoint(SendWhen::later);
    }
  }

  void finish(StageOutcome& outcome) {
    const TrainState& state = trainer_->state();
    outcome.wall_s = earlier_s_;
    outcome.first_step = first_step_;
    outcome.steps = state.step - spec_.start_step;
    outcome.diverged = state.diverged || !std::isfinite(state.loss_sum);
    outcome.collapsed = trainer_->collapsed();
    trainer_->evaluate_end();  // begins a new loss_sum
    outcome.metrics = state.metrics;
    if (const auto difference = check_shrunk())
      outcome.metrics.push_back({state.step, "shrunk_difference", *difference});
    if (outcome.metrics.size() > kMostMetricPoints) {
      throw Error(ErrorKind::invalid_input, "a curve of " + std::to_string(outcome.metrics.size()) +
                                                " points is more than " + std::to_string(kMostMetricPoints) +
                                                "; raise train.eval_every");
    }
    outcome.best_validation_loss = state.best_validation_loss;
    outcome.test_accuracy_at_best_validation = state.test_accuracy_at_best_validation;
    NamedTensors left = network_.whole(network_.network().weights());
    if (trainer_->leaves_masks()) {
      left = with_masks(std::move(left), network_.network().masks());
      outcome.layers = count_layers(network_.network());
      report_masks(network_.network(), outcome);
    }
    context_.leave(std::move(left), InputRole::weights, outcome);
  }

 private:
  void make_trainer() {
    trainer_ = std::make_unique<Trainer>(spec_, context_.stage.seed, network_.network(), data_, context_.gang);
  }

  /// How far the smaller network is from the masked one, on some examples; none if it is not smaller.
  std::optional<double> check_shrunk() const {
    constexpr std::int64_t kExamples = 16;
    return network_.check(data_.slice(data_.train(), 0, std::min(kExamples, data_.train().count())).inputs);
  }

  /// A gang stops when all its members know.
  bool must_stop() const { return context_.gang != nullptr ? trainer_->gang_stops() : context_.stop.load(); }

  double worked_s() const { return earlier_s_ + seconds_since(started_); }

  bool restore(const std::filesystem::path& path, const StageKey& key) {
    try {
      const auto file = read_sealed_file(path, key);
      if (!file) return false;
      make_trainer();
      const NamedTensors tensors = from_file(file->content, context_.device);
      network_.set_weights(tensors);
      trainer_->restore(parse_train_state(file->content.metadata.at("state")), network_.own(tensors));
      return true;
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::corrupt) throw;
      if (context_.writes()) set_aside(path);
      spdlog::warn("set aside {} and started from an earlier state: {}", path.string(), error.what());
      return false;
    }
  }

  bool restore_earlier_cut() {
    const auto& earlier = context_.stage.resume_from;
    if (!earlier) return false;
    context_.artifacts.bring_resume_state(*earlier);
    return restore(context_.artifacts.resume_path_of(*earlier), *earlier);
  }

  TensorFile present_state() {
    TrainState state = trainer_->state();
    state.wall_s = worked_s();
    return to_file(network_.whole(trainer_->tensors()), {{"kind", "training"}, {"state", to_json(state)}});
  }

  void report() {
    reported_ = Clock::now();
    if (!context_.callbacks.on_progress) return;
    context_.callbacks.on_progress(
        {context_.stage.key, context_.attempt, trainer_->state().step, spec_.end_step, trainer_->recent_loss()});
  }

  const StageContext& context_;
  const TrainSpec& spec_;
  const std::filesystem::path checkpoint_;
  StageNetwork network_;
  const ResidentDataset& data_;
  std::unique_ptr<Trainer> trainer_;
  std::int64_t first_step_ = 0;
  bool stepped_ = false;
  double earlier_s_ = 0;  // of attempts before this one
  const Clock::time_point started_ = Clock::now();
  Clock::time_point saved_ = started_, reported_ = started_;
};

}  // namespace

bool run_train_stage(const StageContext& context, StageOutcome& outcome) {
  const TrainSpec spec = parse_spec<TrainSpec>(context.stage.spec);
  TrainRun run(context, spec);
  run.take_up();
  if (!run.train()) {
    run.leave_early();
    return false;
  }
  run.keep_end();
  run.finish(outcome);
  return true;
}

}  // namespace espalier
