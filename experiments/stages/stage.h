#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>

#include "base/sha256.h"

namespace espalier {

/// Names a stage by what it computes: SHA-256 of the canonical JSON of
///   {"epoch": kNumericsEpoch, "inputs": {role: key, ...}, "kind": ..., "seed": ..., "spec": {...}}
/// with keys sorted and no white space. `seed` is left out for kinds that draw no randomness (evaluate).
/// Not in it: resources, paths, names, sweep, worker.
struct StageKey {
  Digest digest{};
  auto operator<=>(const StageKey&) const = default;
};

inline std::string to_hex(const StageKey& key) {
  return to_hex(key.digest);
}
inline StageKey stage_key_from_hex(std::string_view hex) {
  return {digest_from_hex(hex)};
}

/// Raised when the same spec would compute other numbers than before: results of two epochs are never mixed.
inline constexpr int kNumericsEpoch = 1;

/// A stage is a deterministic function of its spec, its seed and its input stages:
///   init         () -> weights: fresh parameters
///   train        (weights, masks?) -> weights: optimizer steps start_step .. end_step
///   prune        (weights?, masks?) -> masks: score and select; random numbers need no weights
///   shuffle      (masks) -> masks: the same mask permuted
///   narrow       (masks) -> weights, masks: a fresh network, evenly narrow, of the multiply-adds that the masks leave
///   evaluate     (weights, masks?) -> numbers on the test set
///   sensitivity  (weights, masks?) -> numbers: the loss with each scope pruned alone
///   repair       (weights, masks) -> weights: what is left makes up for what the masks remove
///   latency      (weights, masks) -> times of the pruned network and of the dense one, which no other run repeats
///   noop         () -> nothing: what the benchmark of the control plane runs
enum class StageKind {
#define ESPALIER_STAGE_KIND(name, spec, properties) name,
#include "experiments/stages/stage_kinds.def"
#undef ESPALIER_STAGE_KIND
};

/// What is true of every stage of a kind; stage_kinds.def explains them.
enum class StageProperty : unsigned {
  plain = 0,
  draws_randomness = 1U << 0,
  reads_data = 1U << 1,
  may_read_data = 1U << 2,
  trains = 1U << 3,
  follows = 1U << 4,
  ends_job = 1U << 5,
  steady = 1U << 6,
  no_tensors = 1U << 7,
  alone_on_host = 1U << 8
};
bool has(StageKind kind, StageProperty property);

/// By the numbers of the protocol, which are those of the enum.
inline constexpr int kStageKinds = 0
#define ESPALIER_STAGE_KIND(name, spec, properties) +1
#include "experiments/stages/stage_kinds.def"
#undef ESPALIER_STAGE_KIND
    ;

enum class InputRole { weights, masks, sensitivity };

std::string_view to_string(StageKind kind);
std::string_view to_string(InputRole role);
/// Errors (both): ErrorKind::invalid_input for a text that names none.
StageKind parse_stage_kind(std::string_view text);
InputRole parse_input_role(std::string_view text);

}  // namespace espalier

template <>
struct std::hash<espalier::StageKey> {
  std::size_t operator()(const espalier::StageKey& key) const noexcept {
    std::size_t value;  // a digest is uniform already
    std::memcpy(&value, key.digest.data(), sizeof value);
    return value;
  }
};
