#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "experiments/stages/stage_spec.h"
#include "worker/artifacts/train_state.h"
#include "worker/data/data_order.h"
#include "worker/data/resident_dataset.h"
#include "worker/network/network.h"
#include "worker/optimizers/optimizer.h"
#include "worker/sparsify/sparsifier.h"
#include "worker/training/gang_gradients.h"

namespace espalier {

/// One trajectory of training, from spec.start_step to spec.end_step, step by step. Where it is interrupted, cut or
/// resumed leaves no trace: what a step does is a function of (spec, seed, step) and of state() and tensors() before
/// it.
///
/// After every eval_every-th step (on the grid of its multiples) it records train_loss (the mean since the last
/// evaluation), lr (of the step just taken), validation_loss and validation_accuracy, and test_accuracy if that
/// validation loss is the least so far; evaluate_end() adds an end that is off the grid. A loss that is NaN or infinite
/// ends the trajectory with the weights that gave it.
///
/// With a gang it is one member's part of that trajectory: it computes on its slice of every batch, and step, loss,
/// evaluations and state are those of all, in equal bits. They differ from one rank's by the order of summation alone.
/// All methods that compute are then collective, and throw GangBroken.
class Trainer {
 public:
  /// `network` holds the input weights and masks, and is what is trained; network, data and gang outlive the trainer.
  /// Errors: ErrorKind::internal if the spec asks for another number of ranks than there are.
  Trainer(const TrainSpec& spec, std::uint64_t seed, Network& network, const ResidentDataset& data,
          Gang* gang = nullptr, MakeSparsifier make_sparsifier = &espalier::make_sparsifier);

  /// Goes back to a state that was saved. Errors: ErrorKind::corrupt if it does not fit the model, optimizer or steps;
  /// then the network has the masks that it had.
  void restore(TrainState state, const NamedTensors& tensors);

  bool finished() const { return state_.diverged || collapsed_ || state_.step >= spec_.end_step; }
  /// The masks leave no path from input to output (worker/pruning/connectivity.h): there is nothing to train.
  bool collapsed() const { return collapsed_; }
  bool at_epoch_end() const { return state_.step % order_.steps_per_epoch() == 0; }
  /// Takes one optimizer step, unless the prune before it collapses the network. Only while not finished. `stop`: this
  /// rank was asked to stop, of which its gang is notified.
  void take_step(bool stop = false);
  /// When the last step was taken, some member was asked to stop: all stop here. Of a gang only.
  bool gang_stops() const { return gang_stops_; }
  /// Of a gang, compares the members' states; nothing alone. Errors: of `kind` if they differ.
  void require_agreement(const std::string& when, ErrorKind kind = ErrorKind::internal);

  /// The evaluation that every curve ends with, if its end is off the grid; for the outcome only. A state saved
  /// afterwards would resume into another curve than the uncut one. Only when finished; nothing if it diverged or took
  /// no step.
  void evaluate_end();

  const TrainState& state();
  /// A sparsifier's masks are left beside the weights.
  bool leaves_masks() const { return sparsifier_ != nullptr && sparsifier_->leaves_masks(); }
  /// Parameters by name, the masks that a sparsifier made, and the state of optimizer and sparsifier.
  NamedTensors tensors() const;
  /// Mean loss since the last evaluation, or at it; for progress lines.
  double recent_loss();

 private:
  void restore_network(const NamedTensors& tensors);
  /// The masks are others now. False: they leave no path.
  bool on_masks_changed();
  /// What this step sees: its examples, or our part of them, augmented if the spec says so.
  Batch next_batch(const Part& part);
  /// Mean over the whole batch.
  at::Tensor loss_and_gradients(bool stop);
  Network::Penalty penalty();
  at::Tensor batch_indices();
  void add_loss(const at::Tensor& loss);
  void evaluate_now(double lr);
  void record(const char* name, double value) { state_.metrics.push_back({state_.step, name, value}); }

  const TrainSpec spec_;
  Network& network_;
  const ResidentDataset& data_;
  Gang* const gang_;  // null: alone
  const DataOrder order_;
  std::unique_ptr<Optimizer> optimizer_;
  std::unique_ptr<Sparsifier> sparsifier_;  // null: none
  std::optional<GangGradients> gang_gradients_;
  TrainState state_;
  bool collapsed_ = false;
  bool gang_stops_ = false;
  at::Tensor loss_sum_;      // float64, on the device: state_.loss_sum before it is fetched
  at::Tensor epoch_order_;   // int64 [examples]
  std::int64_t epoch_ = -1;  // of epoch_order_
};

}  // namespace espalier
