#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "experiments/graph/spec_table.h"
#include "experiments/graph/stage_graph.h"

namespace espalier {

/// What names a stage within a graph whose specs are interned and whose inputs are merged: equal identities have equal
/// keys, so that a key is hashed only once per stage, not once per trial that asks for it.
struct StageIdentity {
  static constexpr StageIndex kNone = ~StageIndex{0};

  StageKind kind = StageKind::noop;
  std::uint64_t seed = 0;
  SpecIndex spec = 0;
  StageIndex weights = kNone;
  StageIndex masks = kNone;
  StageIndex sensitivity = kNone;
  bool operator==(const StageIdentity&) const = default;
};

/// The stages of a graph while it is built: asking for an equal stage again gives the same one.
class StageTable {
 public:
  explicit StageTable(const SpecTable& specs);

  void reserve(std::size_t stages);

  /// `fill` is called with a new stage, whose key, kind, seed, spec and inputs are set, to set the rest.
  template <typename Fill>
  StageIndex add(StageIdentity identity, Fill&& fill) {
    const auto [index, is_new] = find_or_add(identity);
    if (is_new) fill(stages_[index]);
    return index;
  }

  /// The stage if it exists.
  std::optional<StageIndex> find(StageIdentity identity) const;

  std::vector<Stage>& stages() { return stages_; }
  const StageIdentity& identity(StageIndex stage) const { return identities_[stage]; }

 private:
  std::pair<StageIndex, bool> find_or_add(StageIdentity identity);
  Stage make_stage(const StageIdentity& identity);
  std::size_t slot_of(const StageIdentity& identity) const;
  void make_slots(std::size_t stages);

  const SpecTable& specs_;
  std::string buffer_;
  std::vector<Stage> stages_;
  std::vector<StageIdentity> identities_;  // parallel to stages_
  std::vector<StageIndex> slots_;          // a hash table of indices, at most half full; its size is a power of two
};

}  // namespace espalier
