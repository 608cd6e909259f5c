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

/// A stage is a deterministic function of its spec, its seed and its input stages.
enum class StageKind {
  init,         ///< () -> weights: fresh parameters (InitSpec)
  train,        ///< (weights, masks?) -> weights: optimizer steps start_step .. end_step (TrainSpec)
  prune,        ///< (weights?, masks?) -> masks: score and select; random numbers need no weights (PruneSpec)
  shuffle,      ///< (masks) -> masks: the same mask permuted (ShuffleSpec)
  evaluate,     ///< (weights, masks?) -> numbers on the test set (EvaluateSpec)
  sensitivity,  ///< (weights, masks?) -> numbers: the loss with each scope pruned alone (SensitivitySpec)
  noop          ///< () -> nothing: what the benchmark of the control plane runs (NoopSpec)
};

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
