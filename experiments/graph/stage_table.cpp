#include "experiments/graph/stage_table.h"

#include <algorithm>
#include <array>
#include <bit>
#include <span>

#include "experiments/stages/stage_key.h"

namespace espalier {
namespace {

/// Stages that draw nothing are the same for every seed.
void forget_unused_seed(StageIdentity& identity) {
  if (!has(identity.kind, StageProperty::draws_randomness)) identity.seed = 0;
}

// The finalizer of SplitMix64 (Steele et al. 2014, doi:10.1145/2660193.2660195) over the fields.
std::uint64_t hash_of(const StageIdentity& identity) {
  auto state = static_cast<std::uint64_t>(identity.kind);
  for (const std::uint64_t field : {identity.seed, std::uint64_t{identity.spec} << 32 | identity.weights,
                                    std::uint64_t{identity.sensitivity} << 32 | identity.masks}) {
    state = (state ^ field) + 0x9e3779b97f4a7c15;
    state = (state ^ (state >> 30)) * 0xbf58476d1ce4e5b9;
    state = (state ^ (state >> 27)) * 0x94d049bb133111eb;
    state ^= state >> 31;
  }
  return state;
}

}  // namespace

StageTable::StageTable(const SpecTable& specs) : specs_(specs) {
  make_slots(0);
}

void StageTable::reserve(std::size_t stages) {
  stages_.reserve(stages);
  identities_.reserve(stages);
  make_slots(stages);
}

void StageTable::make_slots(std::size_t stages) {
  constexpr std::size_t kFewest = 64;
  slots_.assign(std::bit_ceil(std::max(kFewest, 2 * stages + 1)), StageIdentity::kNone);
  for (StageIndex stage = 0; stage < identities_.size(); ++stage) slots_[slot_of(identities_[stage])] = stage;
}

/// Where the identity's stage is, or the free slot where it belongs (linear probing).
std::size_t StageTable::slot_of(const StageIdentity& identity) const {
  const std::size_t mask = slots_.size() - 1;
  std::size_t slot = hash_of(identity) & mask;
  while (slots_[slot] != StageIdentity::kNone && identities_[slots_[slot]] != identity) slot = (slot + 1) & mask;
  return slot;
}

std::optional<StageIndex> StageTable::find(StageIdentity identity) const {
  forget_unused_seed(identity);
  const StageIndex stage = slots_[slot_of(identity)];
  return stage == StageIdentity::kNone ? std::nullopt : std::optional(stage);
}

std::pair<StageIndex, bool> StageTable::find_or_add(StageIdentity identity) {
  forget_unused_seed(identity);
  const std::size_t slot = slot_of(identity);
  if (slots_[slot] != StageIdentity::kNone) return {slots_[slot], false};
  const auto index = static_cast<StageIndex>(stages_.size());
  slots_[slot] = index;
  stages_.push_back(make_stage(identity));
  identities_.push_back(identity);
  if (2 * identities_.size() >= slots_.size()) make_slots(2 * identities_.size());
  return {index, true};
}

Stage StageTable::make_stage(const StageIdentity& identity) {
  Stage stage;
  stage.kind = identity.kind;
  stage.seed = identity.seed;
  stage.spec = specs_.text(identity.spec);
  std::array<std::pair<InputRole, StageKey>, 3> inputs;
  std::size_t count = 0;
  stage.inputs.reserve(inputs.size());
  for (const auto& [role, index] : {std::pair{InputRole::weights, identity.weights},
                                    {InputRole::masks, identity.masks},
                                    {InputRole::sensitivity, identity.sensitivity}}) {
    if (index == StageIdentity::kNone) continue;
    stage.inputs.push_back({role, index});
    inputs[count++] = {role, stages_[index].key};
  }
  stage.key = make_stage_key(stage.kind, std::span(inputs).first(count), stage.seed, *stage.spec, buffer_);
  return stage;
}

}  // namespace espalier
