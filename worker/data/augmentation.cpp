#include "worker/data/augmentation.h"

#include <algorithm>
#include <cstddef>

#include "base/random.h"

namespace espalier {
namespace {

/// Writes one plane [height, width]; `value(p)` is what a network sees of the stored p.
template <typename Stored, typename Value>
void crop_plane(const Stored* plane, const CropFlip& crop, std::int64_t height, std::int64_t width, const Value& value,
                float* out) {
  // Column x of the crop is column x + shift of the image; those from `begin` to `end` lie within it.
  const std::int64_t shift = crop.right - kCropPadding;
  const std::int64_t begin = std::clamp<std::int64_t>(-shift, 0, width);
  const std::int64_t end = std::clamp<std::int64_t>(width - shift, begin, width);
  for (std::int64_t y = 0; y < height; ++y, out += width) {
    const std::int64_t from = y + crop.down - kCropPadding;
    if (from < 0 || from >= height) {
      std::fill_n(out, width, 0.0F);
      continue;
    }
    const Stored* row = plane + from * width;
    if (crop.flip) {
      std::fill_n(out, width - end, 0.0F);
      for (std::int64_t x = begin; x < end; ++x) out[width - 1 - x] = value(row[x + shift]);
      std::fill_n(out + width - begin, begin, 0.0F);
    } else {
      std::fill_n(out, begin, 0.0F);
      for (std::int64_t x = begin; x < end; ++x) out[x] = value(row[x + shift]);
      std::fill_n(out + end, width - end, 0.0F);
    }
  }
}

/// `value_of(channel)` gives the function for that channel's planes.
template <typename Stored, typename ValueOf>
void gather(const Stored* examples, std::span<const std::int64_t> indices, std::span<const CropFlip> crops,
            std::array<std::int64_t, 3> shape, const ValueOf& value_of, float* out) {
  const auto [channels, height, width] = shape;
  for (std::size_t i = 0; i < indices.size(); ++i) {
    for (std::int64_t c = 0; c < channels; ++c, out += height * width) {
      crop_plane(examples + (indices[i] * channels + c) * height * width, crops[i], height, width, value_of(c), out);
    }
  }
}

}  // namespace

std::vector<CropFlip> draw_crop_flips(std::uint64_t seed, std::int64_t phase, std::int64_t step, std::int64_t count) {
  constexpr std::uint64_t kPlaces = 2 * kCropPadding + 1;
  RandomStream random(seed, "augment", (static_cast<std::uint64_t>(phase) << 40) + static_cast<std::uint64_t>(step));
  std::vector<CropFlip> crops(static_cast<std::size_t>(count));
  for (CropFlip& crop : crops) {
    crop.down = static_cast<std::int64_t>(random.below(kPlaces));
    crop.right = static_cast<std::int64_t>(random.below(kPlaces));
    crop.flip = random.below(2) == 1;
  }
  return crops;
}

void gather_crops(const std::uint8_t* examples, std::span<const std::int64_t> indices, std::span<const CropFlip> crops,
                  std::array<std::int64_t, 3> shape, PixelTable table, float* out) {
  const auto value_of = [table](std::int64_t channel) {
    return [values = table.data() + channel * 256](std::uint8_t pixel) { return values[pixel]; };
  };
  gather(examples, indices, crops, shape, value_of, out);
}

void gather_crops(const float* examples, std::span<const std::int64_t> indices, std::span<const CropFlip> crops,
                  std::array<std::int64_t, 3> shape, float* out) {
  const auto value_of = [](std::int64_t) { return [](float value) { return value; }; };
  gather(examples, indices, crops, shape, value_of, out);
}

}  // namespace espalier
