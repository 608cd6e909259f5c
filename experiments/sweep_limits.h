#pragma once

#include <cstdint>

namespace espalier {

// What a sweep may ask for at most.

inline constexpr std::int64_t kMostEpochs = 1'000'000;     ///< of one training
inline constexpr std::int64_t kMostSteps = 1'000'000'000;  ///< of one training
inline constexpr std::int64_t kMostRounds = 1'000;         ///< of an iterative schedule

}  // namespace espalier
