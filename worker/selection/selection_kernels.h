#pragma once

#include <cstddef>
#include <cstdint>

namespace espalier {

// Passes over a block of scores that the compiler turns into vector code. `surviving` is null where all survive; a
// score that is not NaN compares as floats do (-0.0 equals 0.0); what does not survive counts for nothing.

/// Scores that a kernel takes at once; their flags stay in the first cache.
inline constexpr std::size_t kScoreBlock = 4096;

struct BlockCensus {
  std::size_t above = 0;   ///< scores > high
  std::size_t inside = 0;  ///< low <= scores <= high
  std::size_t nan = 0;
};
/// inside[i] = 1 where a survivor's score lies within low .. high.
BlockCensus census(const float* scores, const std::uint8_t* surviving, std::size_t count, float low, float high,
                   std::uint8_t* inside);

/// keep[i] = 1 where a survivor's score is above `score`, or equal to it if `equals_too`; else 0.
void keep_above(const float* scores, const std::uint8_t* surviving, std::size_t count, float score, bool equals_too,
                std::uint8_t* keep);

std::size_t count_equal(const float* scores, const std::uint8_t* surviving, std::size_t count, float score);

/// How many are not 0.
std::size_t count_set(const std::uint8_t* flags, std::size_t count);

}  // namespace espalier
