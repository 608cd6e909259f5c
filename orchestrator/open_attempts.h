#pragma once

#include <vector>

#include "db/store.h"
#include "experiments/stage_graph.h"

namespace espalier {

/// What an earlier coordinator handed out of this graph and nobody has ended. Attempts that have nothing to do with the
/// graph are ended as lost: their pools are told so if they come back.
std::vector<OpenAttempt> attempts_of_sweep(Store& store, const StageGraph& graph);

}  // namespace espalier
