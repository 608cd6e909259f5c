#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace espalier {

/// A named stream of random numbers, a pure function of (seed, name, index): the same on every machine, rank and
/// library version. Names in use: "init", "reinit", "data_order", "augment", "dropout", "mask", "glyphs", ...
/// `index` is the step, epoch, layer or sample that the stream belongs to.
///
/// xoshiro256++ (Blackman & Vigna 2021, doi:10.1145/3460772) seeded with SHA-256 of the three.
/// One thread at a time.
class RandomStream {
 public:
  RandomStream(std::uint64_t seed, std::string_view name, std::uint64_t index = 0);

  std::uint64_t next_u64();
  /// In [0, 1), a multiple of 2^-53.
  double uniform();
  double uniform(double low, double high) { return low + (high - low) * uniform(); }
  /// Standard normal, by Box and Muller's polar form (Marsaglia); draws in pairs and keeps the second.
  double normal();
  /// In [0, bound), without bias (Lemire 2019, doi:10.1145/3230636). `bound` > 0.
  std::uint64_t below(std::uint64_t bound);
  /// 0 .. count-1 in random order (Fisher and Yates).
  std::vector<std::int64_t> permutation(std::int64_t count);

  template <typename Value>
  void shuffle(std::vector<Value>& values) {
    for (std::size_t i = values.size(); i > 1; --i) std::swap(values[i - 1], values[below(i)]);
  }

 private:
  std::array<std::uint64_t, 4> state_;
  double spare_normal_ = 0;
  bool has_spare_ = false;
};

}  // namespace espalier
