#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace espalier {

/// The augmentation of CIFAR's papers (He et al. 2016, arXiv:1512.03385, section 4.2), TrainSpec::augment "crop_flip":
/// kCropPadding zeros on each side, a crop of the image's own size at a random place, and with probability 1/2 its
/// mirror image. The zeros are added to what a network sees, so they are the mean of a normalised channel.
inline constexpr std::int64_t kCropPadding = 4;

/// Of one example: out[y][x] = padded[y + down][right + (flip ? width - 1 - x : x)].
struct CropFlip {
  std::int64_t down = kCropPadding;   ///< 0 .. 2 * kCropPadding
  std::int64_t right = kCropPadding;  ///< 0 .. 2 * kCropPadding
  bool flip = false;
};

/// Those of a batch of `count` examples: RandomStream(seed, "augment", phase * 2^40 + step), for each example in its
/// order down, right, flip. A pure function of the step: it depends neither on the rank nor on interruptions.
std::vector<CropFlip> draw_crop_flips(std::uint64_t seed, std::int64_t phase, std::int64_t step, std::int64_t count);

/// What a network sees of a pixel's 256 values, for each channel [C, 256].
using PixelTable = std::span<const float>;

/// Gathers, crops, flips and scales in one pass. `examples` are [N, C, H, W], of which indices[i] becomes out[i] of
/// `out` [n, C, H, W] under crops[i]. Bytes are mapped by the table, floats stay as they are (and need no table).
void gather_crops(const std::uint8_t* examples, std::span<const std::int64_t> indices, std::span<const CropFlip> crops,
                  std::array<std::int64_t, 3> shape, PixelTable table, float* out);
void gather_crops(const float* examples, std::span<const std::int64_t> indices, std::span<const CropFlip> crops,
                  std::array<std::int64_t, 3> shape, float* out);

}  // namespace espalier
