#pragma once

#include <limits>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "experiments/graph/stage_graph.h"

namespace espalier {

/// New indices of a graph's stages after some were dropped; the others keep their order.
class Renumbering {
 public:
  explicit Renumbering(const std::vector<bool>& kept) : to_(kept.size(), kGone) {
    StageIndex next = 0;
    for (std::size_t stage = 0; stage < kept.size(); ++stage) {
      if (kept[stage]) to_[stage] = next++;
    }
  }

  bool has(StageIndex stage) const { return to_[stage] != kGone; }
  /// The stage must not have been dropped.
  StageIndex operator[](StageIndex stage) const { return to_[stage]; }
  void apply(std::vector<StageIndex>& stages) const {
    std::erase_if(stages, [&](StageIndex stage) { return !has(stage); });
    for (StageIndex& stage : stages) stage = to_[stage];
  }
  void apply(std::set<StageIndex>& stages) const {
    std::set<StageIndex> kept;
    for (const StageIndex stage : stages) {
      if (has(stage)) kept.insert(to_[stage]);
    }
    stages = std::move(kept);
  }
  template <typename Value>
  void apply(std::map<StageIndex, Value>& by_stage) const {
    std::map<StageIndex, Value> kept;
    for (auto& [stage, value] : by_stage) {
      if (has(stage)) kept.emplace(to_[stage], std::move(value));
    }
    by_stage = std::move(kept);
  }

 private:
  static constexpr StageIndex kGone = std::numeric_limits<StageIndex>::max();
  std::vector<StageIndex> to_;
};

}  // namespace espalier
