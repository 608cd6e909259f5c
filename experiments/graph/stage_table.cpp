#include "experiments/graph/stage_table.h"

#include <array>
#include <span>
#include <utility>

#include "experiments/stage_key.h"

namespace espalier {
namespace {

/// Stages that draw nothing are the same for every seed.
void forget_unused_seed(StageIdentity& identity) {
  if (!draws_randomness(identity.kind)) identity.seed = 0;
}

}  // namespace

// The finalizer of SplitMix64 (Steele et al. 2014, doi:10.1145/2660193.2660195) over the fields.
std::size_t StageIdentityHash::operator()(const StageIdentity& identity) const noexcept {
  std::uint64_t state = static_cast<std::uint64_t>(identity.kind);
  for (const std::uint64_t field :
       {identity.seed, std::uint64_t{identity.spec} << 32 | identity.weights, std::uint64_t{identity.masks}}) {
    state = (state ^ field) + 0x9e3779b97f4a7c15;
    state = (state ^ (state >> 30)) * 0xbf58476d1ce4e5b9;
    state = (state ^ (state >> 27)) * 0x94d049bb133111eb;
    state ^= state >> 31;
  }
  return state;
}

void StageTable::reserve(std::size_t stages) {
  stages_.reserve(stages);
  identities_.reserve(stages);
  index_.reserve(stages);
}

std::optional<StageIndex> StageTable::find(StageIdentity identity) const {
  forget_unused_seed(identity);
  const auto found = index_.find(identity);
  return found == index_.end() ? std::nullopt : std::optional(found->second);
}

std::pair<StageIndex, bool> StageTable::find_or_add(StageIdentity identity) {
  forget_unused_seed(identity);
  const auto [place, is_new] = index_.try_emplace(identity, static_cast<StageIndex>(stages_.size()));
  if (!is_new) return {place->second, false};
  Stage stage;
  stage.kind = identity.kind;
  stage.seed = identity.seed;
  stage.spec = specs_.text(identity.spec);
  std::array<std::pair<InputRole, StageKey>, 2> inputs;
  std::size_t count = 0;
  stage.inputs.reserve(inputs.size());
  for (const auto& [role, index] :
       {std::pair{InputRole::weights, identity.weights}, {InputRole::masks, identity.masks}}) {
    if (index == StageIdentity::kNone) continue;
    stage.inputs.push_back({role, index});
    inputs[count++] = {role, stages_[index].key};
  }
  stage.key = make_stage_key(stage.kind, std::span(inputs).first(count), stage.seed, *stage.spec, buffer_);
  stages_.push_back(std::move(stage));
  identities_.push_back(identity);
  return {place->second, true};
}

}  // namespace espalier
