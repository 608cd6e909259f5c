#pragma once

#include "worker/layers/compute_meter.h"
#include "worker/operators/forward_observer.h"

namespace espalier {

class Gang;

/// Whether batch norms use (and update) statistics of the batch, or those they have kept; whether dropout drops.
/// batch_statistics: as evaluate, but batch norms use the batch's statistics, and what they have kept stays; a scripted
/// module does not know it and evaluates.
enum class Mode { evaluate, train, batch_statistics };

struct Pass {
  Mode mode = Mode::evaluate;
  ForwardObserver* observer = nullptr;
  ComputeMeter* meter = nullptr;  ///< what is computed is added to it
  Gang* gang = nullptr;  ///< in training: the gang whose members share batch norm statistics. Not for scripted modules
};

}  // namespace espalier
