#include "experiments/graph/stage_lookup.h"

#include <bit>
#include <functional>

namespace espalier {
namespace {

constexpr StageIndex kNone = ~StageIndex{0};

}  // namespace

StageLookup::StageLookup(const StageGraph& graph)
    : graph_(graph), slots_(std::bit_ceil(2 * graph.stages.size() + 1), kNone) {
  for (StageIndex stage = 0; stage < graph.stages.size(); ++stage) slots_[slot_of(graph.stages[stage].key)] = stage;
}

/// Where the key is, or the free slot where it belongs (linear probing).
std::size_t StageLookup::slot_of(const StageKey& key) const {
  const std::size_t mask = slots_.size() - 1;
  std::size_t slot = std::hash<StageKey>()(key) & mask;
  while (slots_[slot] != kNone && graph_.stages[slots_[slot]].key != key) slot = (slot + 1) & mask;
  return slot;
}

std::optional<StageIndex> StageLookup::find(const StageKey& key) const {
  const StageIndex stage = slots_[slot_of(key)];
  return stage == kNone ? std::nullopt : std::optional(stage);
}

}  // namespace espalier
