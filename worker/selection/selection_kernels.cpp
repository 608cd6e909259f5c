#include "worker/selection/selection_kernels.h"

// As in optimizer_kernels.cpp, the loader picks the widest of three. Flags are bytes: v4 has vectors of those, which
// avx512f alone has not.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_THREAD__) && \
    !defined(__SANITIZE_ADDRESS__)
#define ESPALIER_FOR_EACH_PROCESSOR __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define ESPALIER_FOR_EACH_PROCESSOR
#endif

namespace espalier {

ESPALIER_FOR_EACH_PROCESSOR
std::size_t count_set(const std::uint8_t* flags, std::size_t count) {
  std::size_t total = 0;
  for (std::size_t i = 0; i < count; ++i) total += flags[i] != 0;
  return total;
}

ESPALIER_FOR_EACH_PROCESSOR
BlockCensus census(const float* __restrict scores, const std::uint8_t* __restrict surviving, std::size_t count,
                   float low, float high, std::uint8_t* __restrict inside) {
  unsigned above = 0, within = 0, nan = 0;
  if (surviving) {
    for (std::size_t i = 0; i < count; ++i) {
      const float s = scores[i];
      const unsigned alive = surviving[i] != 0;
      const unsigned in = static_cast<unsigned>(s >= low) & static_cast<unsigned>(s <= high) & alive;
      above += static_cast<unsigned>(s > high) & alive;
      nan += static_cast<unsigned>(s != s) & alive;
      within += in;
      inside[i] = static_cast<std::uint8_t>(in);
    }
  } else {
    for (std::size_t i = 0; i < count; ++i) {
      const float s = scores[i];
      const unsigned in = static_cast<unsigned>(s >= low) & static_cast<unsigned>(s <= high);
      above += s > high;
      nan += s != s;
      within += in;
      inside[i] = static_cast<std::uint8_t>(in);
    }
  }
  return {above, within, nan};
}

ESPALIER_FOR_EACH_PROCESSOR
void keep_above(const float* __restrict scores, const std::uint8_t* __restrict surviving, std::size_t count,
                float score, bool equals_too, std::uint8_t* __restrict keep) {
  if (equals_too) {
    for (std::size_t i = 0; i < count; ++i) keep[i] = scores[i] >= score;
  } else {
    for (std::size_t i = 0; i < count; ++i) keep[i] = scores[i] > score;
  }
  if (!surviving) return;
  for (std::size_t i = 0; i < count; ++i) keep[i] &= static_cast<std::uint8_t>(surviving[i] != 0);
}

ESPALIER_FOR_EACH_PROCESSOR
std::size_t count_equal(const float* __restrict scores, const std::uint8_t* __restrict surviving, std::size_t count,
                        float score) {
  unsigned equal = 0;
  if (surviving) {
    for (std::size_t i = 0; i < count; ++i) equal += static_cast<unsigned>(scores[i] == score) & (surviving[i] != 0);
  } else {
    for (std::size_t i = 0; i < count; ++i) equal += scores[i] == score;
  }
  return equal;
}

}  // namespace espalier
