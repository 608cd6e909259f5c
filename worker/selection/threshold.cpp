#include "worker/selection/threshold.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <memory>
#include <vector>

#include "base/error.h"
#include "worker/selection/selection_kernels.h"

// A pass over memory that compares floats with two bounds costs little more than reading them, so the threshold is
// first bracketed: a sample of the scores gives an interval that holds it almost surely, with about a hundredth of all
// scores. One pass counts what is above the interval and collects what is inside; the threshold is found among those.
// If the sample was unlucky, the pass has shown on which side the threshold lies. If more lies inside than the buffer
// holds, a histogram over the scores' bits narrows the interval 4096-fold, as often as needed: a float's bits, with the
// sign bit flipped for positive numbers and all bits for negative ones, order as unsigned integers just as the floats
// do. So the answer is exact and the time linear, whatever the scores; the sample decides only how many passes it
// takes.

namespace espalier {
namespace {

using Rank = std::uint32_t;

constexpr std::size_t kSample = 1 << 16;
constexpr std::size_t kCandidates = 1 << 20;
constexpr int kBinBits = 12;
constexpr float kInfinity = std::numeric_limits<float>::infinity();

Rank rank_of(float score) {
  const Rank bits = std::bit_cast<Rank>(score + 0.0F);  // -0.0 + 0.0 is 0.0
  return bits & 0x80000000U ? ~bits : bits | 0x80000000U;
}

float score_of(Rank rank) {
  return std::bit_cast<float>(rank & 0x80000000U ? rank & 0x7FFFFFFFU : ~rank);
}

/// visit(layer, the block's scores, its surviving or null, how many)
template <typename Visit>
void for_each_block(std::span<const ScoredLayer> layers, Visit visit) {
  for (const ScoredLayer& layer : layers) {
    for (std::size_t first = 0; first < layer.scores.size(); first += kScoreBlock) {
      visit(layer, layer.scores.data() + first, layer.surviving.empty() ? nullptr : layer.surviving.data() + first,
            std::min(kScoreBlock, layer.scores.size() - first));
    }
  }
}

/// Both ends belong to it.
struct Interval {
  float low = -kInfinity, high = kInfinity;
};

class Search {
 public:
  Search(std::span<const ScoredLayer> layers, std::int64_t kept, std::int64_t survivors, std::string_view unit)
      : layers_(layers),
        kept_(kept),
        survivors_(survivors),
        unit_(unit),
        capacity_(static_cast<std::size_t>(std::min(survivors, static_cast<std::int64_t>(kCandidates)))),
        candidates_(std::make_unique_for_overwrite<float[]>(capacity_)) {}

  Threshold run() {
    Interval known;
    Interval tried = survivors_ > static_cast<std::int64_t>(2 * kSample) ? guess() : known;
    for (;;) {
      take_census(tried);
      if (above_ >= kept_) {
        known.low = std::nextafter(tried.high, kInfinity);
      } else if (above_ + inside_ < kept_) {
        known.high = std::nextafter(tried.low, -kInfinity);
      } else if (tried.low == tried.high) {
        return {tried.low + 0.0F, above_, inside_};
      } else if (inside_ <= static_cast<std::int64_t>(capacity_)) {
        return among_candidates();
      } else {
        known = tried;
      }
      tried = narrow(known);
    }
  }

 private:
  /// Where the threshold should be, judged by a sample drawn evenly over the layers: three standard deviations of the
  /// sample's own quantile to either side.
  Interval guess() const {
    std::vector<float> sample;
    sample.reserve(kSample);
    std::size_t total = 0, before = 0;
    for (const ScoredLayer& layer : layers_) total += layer.scores.size();
    std::uint64_t state = 0;
    auto layer = layers_.begin();
    for (std::size_t i = 0; i < kSample; ++i) {
      state = state * 6364136223846793005U + 1442695040888963407U;  // Knuth's; breaks up regular patterns of scores
      const std::size_t begin = total / kSample * i, width = total / kSample;
      const std::size_t position = begin + static_cast<std::size_t>(state >> 33U) % width;
      while (position - before >= layer->scores.size()) before += (layer++)->scores.size();
      const std::size_t index = position - before;
      if (!layer->surviving.empty() && !layer->surviving[index]) continue;
      if (const float score = layer->scores[index]; !std::isnan(score)) sample.push_back(score);
    }
    const double fraction = static_cast<double>(kept_) / static_cast<double>(survivors_);
    const auto size = static_cast<double>(sample.size());
    const double place = fraction * size, spread = 3 * std::sqrt(size * fraction * (1 - fraction)) + 3;
    const auto from_top = [&](double rank) {
      const auto nth = sample.begin() + static_cast<std::ptrdiff_t>(rank);
      std::nth_element(sample.begin(), nth, sample.end(), std::greater<>());
      return *nth;
    };
    Interval interval;
    if (place - spread >= 0) interval.high = from_top(place - spread);
    if (place + spread < size) interval.low = from_top(place + spread);
    return interval;
  }

  void take_census(Interval interval) {
    above_ = inside_ = 0;
    for_each_block(
        layers_, [&](const ScoredLayer& layer, const float* scores, const std::uint8_t* surviving, std::size_t count) {
          const BlockCensus found = census(scores, surviving, count, interval.low, interval.high, flags_.data());
          if (found.nan) require_no_nan(std::span(&layer, 1), unit_);
          above_ += static_cast<std::int64_t>(found.above);
          if (found.inside) collect(scores, count);
          inside_ += static_cast<std::int64_t>(found.inside);
        });
  }

  /// Eight flags at a time, as most are 0.
  void collect(const float* scores, std::size_t count) {
    auto filled = static_cast<std::size_t>(inside_);
    for (std::size_t i = 0; i < count && filled < capacity_; i += 8) {
      std::uint64_t flags = 0;
      std::memcpy(&flags, flags_.data() + i, 8);
      if (flags == 0) continue;
      for (std::size_t j = i; j < std::min(i + 8, count) && filled < capacity_; ++j) {
        candidates_[filled] = scores[j];
        filled += flags_[j];
      }
    }
  }

  Threshold among_candidates() {
    const std::span<float> all(candidates_.get(), static_cast<std::size_t>(inside_));
    const auto nth = all.begin() + static_cast<std::ptrdiff_t>(kept_ - above_ - 1);
    std::nth_element(all.begin(), nth, all.end(), std::greater<>());
    const float score = *nth;
    const auto higher = std::count_if(all.begin(), all.end(), [&](float s) { return s > score; });
    const auto equals = std::count(all.begin(), all.end(), score);
    return {score + 0.0F, above_ + higher, equals};
  }

  /// The bin that holds the threshold, of 4096 that divide the interval's ranks.
  Interval narrow(Interval known) const {
    const Rank low = rank_of(known.low), high = rank_of(known.high);
    const int shift = std::max(0, static_cast<int>(std::bit_width(high - low)) - kBinBits);
    std::vector<std::int64_t> bins(std::size_t{1} << kBinBits, 0);
    std::int64_t wanted = kept_;
    for_each_block(layers_,
                   [&](const ScoredLayer&, const float* scores, const std::uint8_t* surviving, std::size_t count) {
                     for (std::size_t i = 0; i < count; ++i) {
                       if (surviving && !surviving[i]) continue;
                       const Rank rank = rank_of(scores[i]);
                       if (rank > high) {
                         --wanted;
                       } else if (rank >= low) {
                         ++bins[(rank - low) >> shift];
                       }
                     }
                   });
    std::size_t bin = bins.size() - 1;
    while (bins[bin] < wanted) wanted -= bins[bin--];
    const Rank first = low + (static_cast<Rank>(bin) << shift);
    const std::uint64_t last = std::uint64_t{first} + (std::uint64_t{1} << shift) - 1;
    // -0.0 has a rank of its own that no score has; as an upper end it would let 0.0 in, which is the next bin's.
    const auto end = static_cast<Rank>(std::min<std::uint64_t>(last, high));
    return {score_of(first), score_of(end == rank_of(0.0F) - 1 ? end - 1 : end)};
  }

  std::span<const ScoredLayer> layers_;
  std::int64_t kept_, survivors_;
  std::string_view unit_;
  std::size_t capacity_;
  std::unique_ptr<float[]> candidates_;
  std::array<std::uint8_t, kScoreBlock> flags_{};
  std::int64_t above_ = 0, inside_ = 0;
};

}  // namespace

void refuse_nan(std::string_view unit, std::size_t index, const std::string& layer) {
  throw Error(ErrorKind::numeric, "the score of " + std::string(unit) + " " + std::to_string(index) + " of layer " +
                                      layer + " is NaN: the network diverged before it was pruned");
}

std::int64_t count_survivors(std::span<const ScoredLayer> layers) {
  std::int64_t count = 0;
  for (const ScoredLayer& layer : layers) {
    if (!layer.surviving.empty() && layer.scores.size() != layer.surviving.size()) {
      throw Error(ErrorKind::internal, "layer " + layer.name + " has scores and a mask of different sizes");
    }
    count += static_cast<std::int64_t>(
        layer.surviving.empty() ? layer.scores.size() : count_set(layer.surviving.data(), layer.scores.size()));
  }
  return count;
}

void require_no_nan(std::span<const ScoredLayer> layers, std::string_view unit) {
  for (const ScoredLayer& layer : layers) {
    for (std::size_t i = 0; i < layer.scores.size(); ++i) {
      if (std::isnan(layer.scores[i]) && (layer.surviving.empty() || layer.surviving[i]))
        refuse_nan(unit, i, layer.name);
    }
  }
}

Threshold find_threshold(std::span<const ScoredLayer> layers, std::int64_t kept, std::int64_t survivors,
                         std::string_view unit) {
  return Search(layers, kept, survivors, unit).run();
}

}  // namespace espalier
