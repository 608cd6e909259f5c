#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include <ATen/core/Tensor.h>

#include "experiments/stages/stage_spec.h"
#include "worker/data/resident_dataset.h"
#include "worker/network/network.h"
#include "worker/optimizers/optimizer.h"

namespace espalier {

/// What a sparsifier works on. All of it outlives the sparsifier. Where a gang trains, each member has its own, on
/// equal networks.
struct SparsifierContext {
  const TrainSpec& spec;
  std::uint64_t seed;
  Network& network;
  const ResidentDataset& data;
  Optimizer& optimizer;  ///< Optimizer::forget, where weights come back
};

/// Makes a network sparse while it trains: what may happen around a training step. What it does is a function of its
/// context, the step, the network and its own state(), so a training may be cut or resumed anywhere, with equal bits.
/// One thread.
///
/// One step of Trainer: before_step; the loss, penalty() and their gradients; after_gradients; the optimizer's step,
/// with removed weights kept at zero; after_step. Adding one is a file with make_<name>_sparsifier and a line in
/// catalog/sparsifiers.def.
class Sparsifier {
 public:
  virtual ~Sparsifier() = default;

  /// True: it changed the network's masks (Network::set_masks). Errors: its own; the training fails with them.
  virtual bool before_step(std::int64_t /*step*/) { return false; }
  /// Added to the loss, a scalar with its graph; undefined for nothing. Not in the curve of train_loss. Of a gang the
  /// leader's alone.
  virtual at::Tensor penalty() { return {}; }
  /// May change Network::gradients(), which are those of loss and penalty, of the whole batch.
  virtual void after_gradients(std::int64_t /*step*/) {}
  /// The weights have taken the step of this learning rate. True: it changed the masks.
  virtual bool after_step(std::int64_t /*step*/, double /*lr*/) { return false; }

  /// The training leaves masks beside its weights.
  virtual bool leaves_masks() const { return true; }
  /// What the next step depends on besides network, optimizer and step, such as parameters of its own; names begin with
  /// "sparsifier.". Not copies.
  virtual NamedTensors state() const { return {}; }
  /// Errors: ErrorKind::corrupt if the tensors are not those of this sparsifier.
  virtual void load_state(const NamedTensors& /*state*/) {}
};

/// Null for a training without one. Errors: ErrorKind::invalid_input for an unknown name.
std::unique_ptr<Sparsifier> make_sparsifier(const SparsifierContext& context);

using MakeSparsifier = std::unique_ptr<Sparsifier> (*)(const SparsifierContext& context);

#define ESPALIER_SPARSIFIER(name, what, paper, options, about) \
  std::unique_ptr<Sparsifier> make_##name##_sparsifier(const SparsifierContext& context);
#include "experiments/catalog/sparsifiers.def"
#undef ESPALIER_SPARSIFIER

}  // namespace espalier
