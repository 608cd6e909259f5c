#pragma once

#include <optional>
#include <vector>

#include "experiments/stage_graph.h"

namespace espalier {

/// Finds the stages of a graph by key, in four to eight bytes a stage: the keys stay in the graph, which must outlive
/// it.
class StageLookup {
 public:
  explicit StageLookup(const StageGraph& graph);

  std::optional<StageIndex> find(const StageKey& key) const;

 private:
  std::size_t slot_of(const StageKey& key) const;

  const StageGraph& graph_;
  std::vector<StageIndex> slots_;  // a hash table of indices, at most half full; its size is a power of two
};

}  // namespace espalier
