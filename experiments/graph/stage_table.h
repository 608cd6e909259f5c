#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "experiments/graph/spec_table.h"
#include "experiments/stage_graph.h"

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
  bool operator==(const StageIdentity&) const = default;
};

struct StageIdentityHash {
  std::size_t operator()(const StageIdentity& identity) const noexcept;
};

/// The stages of a graph while it is built: asking for an equal stage again gives the same one.
class StageTable {
 public:
  explicit StageTable(const SpecTable& specs) : specs_(specs) {}

  void reserve(std::size_t stages);

  /// `fill` is called with a new stage, whose key, kind, seed, spec and inputs are set, to set the rest.
  template <typename Fill>
  StageIndex add(StageIdentity identity, Fill&& fill) {
    const auto [index, is_new] = find_or_add(identity);
    if (is_new) fill(stages_[index]);
    return index;
  }

  /// The stage if it is there.
  std::optional<StageIndex> find(StageIdentity identity) const;

  std::vector<Stage>& stages() { return stages_; }
  const StageIdentity& identity(StageIndex stage) const { return identities_[stage]; }

 private:
  std::pair<StageIndex, bool> find_or_add(StageIdentity identity);

  const SpecTable& specs_;
  std::string buffer_;
  std::vector<Stage> stages_;
  std::vector<StageIdentity> identities_;  // parallel to stages_
  std::unordered_map<StageIdentity, StageIndex, StageIdentityHash> index_;
};

}  // namespace espalier
