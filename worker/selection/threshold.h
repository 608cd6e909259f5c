#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace espalier {

/// One prunable layer as selection sees it, or one scope with a score per unit; flat (row-major) order.
struct ScoredLayer {
  std::string name;                         ///< for messages
  std::span<const float> scores;            ///< higher = keep
  std::span<const std::uint8_t> surviving;  ///< per score: 0 where it was removed in an earlier round, its score is not
                                            ///< looked at; empty: all survive
};

/// Throws ErrorKind::numeric: "the score of UNIT 3 of layer NAME is NaN: ...".
[[noreturn]] void refuse_nan(std::string_view unit, std::size_t index, const std::string& layer);

/// Throws ErrorKind::internal if a layer has not as many masks as scores (or none). The number of survivors.
std::int64_t count_survivors(std::span<const ScoredLayer> layers);

/// refuse_nan for the first survivor whose score is NaN.
void require_no_nan(std::span<const ScoredLayer> layers, std::string_view unit);

struct Threshold {
  float score = 0;
  std::int64_t above = 0;   ///< survivors with a higher score
  std::int64_t equals = 0;  ///< survivors with this very score
};

/// The kept-th highest score of all layers' survivors, 0 < kept <= survivors, exactly; nothing is copied but a few:
/// with buffers of fixed size (4.5 MB at most) and passes over the scores, usually one. Scores are equal as floats are:
/// -0.0 and 0.0, and where the thread flushes denormals these too. Errors: require_no_nan's.
Threshold find_threshold(std::span<const ScoredLayer> layers, std::int64_t kept, std::int64_t survivors,
                         std::string_view unit);

}  // namespace espalier
