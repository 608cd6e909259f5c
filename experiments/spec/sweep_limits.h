#pragma once

#include <cstddef>
#include <cstdint>

namespace espalier {

// What a sweep may ask for at most.

inline constexpr std::int64_t kMostEpochs = 1'000'000;     ///< of one training
inline constexpr std::int64_t kMostSteps = 1'000'000'000;  ///< of one training
inline constexpr std::int64_t kMostRounds = 1'000;         ///< of an iterative schedule
/// Of one stage's spec as JSON: a job has three at most, and is sent in one frame of 16 MiB.
inline constexpr std::size_t kLargestSpecBytes = std::size_t{4} << 20;

}  // namespace espalier
