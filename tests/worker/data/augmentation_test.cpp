#include "worker/data/augmentation.h"

#include <map>
#include <numeric>

#include <gtest/gtest.h>

namespace espalier {
namespace {

using Image = std::vector<float>;

/// As one would write it down: pad, crop, mirror.
Image reference(const Image& image, std::array<std::int64_t, 3> shape, const CropFlip& crop) {
  const auto [channels, height, width] = shape;
  Image out;
  for (std::int64_t c = 0; c < channels; ++c) {
    for (std::int64_t y = 0; y < height; ++y) {
      for (std::int64_t x = 0; x < width; ++x) {
        const std::int64_t from_y = y + crop.down - 4;
        const std::int64_t from_x = (crop.flip ? width - 1 - x : x) + crop.right - 4;
        const bool inside = from_y >= 0 && from_y < height && from_x >= 0 && from_x < width;
        out.push_back(inside ? image[static_cast<std::size_t>((c * height + from_y) * width + from_x)] : 0.0F);
      }
    }
  }
  return out;
}

// 1 2 3    moved down by one and left by one, within a row of zeros above and a column of zeros at the right:
// 4 5 6    row 0 is all padding, row 1 is 2 3 0; its mirror image is 0 3 2.
TEST(Augmentation, ByHand) {
  const Image image{1, 2, 3, 4, 5, 6};
  const std::vector<std::int64_t> first{0};
  Image out(6, -1);
  gather_crops(image.data(), first, std::vector<CropFlip>{{3, 5, false}}, {1, 2, 3}, out.data());
  EXPECT_EQ(out, (Image{0, 0, 0, 2, 3, 0}));
  gather_crops(image.data(), first, std::vector<CropFlip>{{3, 5, true}}, {1, 2, 3}, out.data());
  EXPECT_EQ(out, (Image{0, 0, 0, 0, 3, 2}));
  gather_crops(image.data(), first, std::vector<CropFlip>{{}}, {1, 2, 3}, out.data());
  EXPECT_EQ(out, image);
}

TEST(Augmentation, EveryPlaceOfEveryCropIsThatOfThePlainLoop) {
  for (const auto& shape : {std::array<std::int64_t, 3>{3, 8, 10}, std::array<std::int64_t, 3>{2, 3, 2}}) {
    const auto size = static_cast<std::size_t>(shape[0] * shape[1] * shape[2]);
    std::vector<std::uint8_t> pixels(3 * size);
    std::iota(pixels.begin(), pixels.end(), std::uint8_t{7});
    std::vector<float> table(static_cast<std::size_t>(shape[0]) * 256);
    std::iota(table.begin(), table.end(), 0.5F);
    Image seen;
    for (std::size_t i = 0; i < pixels.size(); ++i) {
      const std::size_t channel = i % size / static_cast<std::size_t>(shape[1] * shape[2]);
      seen.push_back(table[channel * 256 + pixels[i]]);
    }
    for (std::int64_t place = 0; place < 2 * 9 * 9; ++place) {
      const std::vector<CropFlip> crops{{place / 9 % 9, place % 9, place >= 81}, {}};
      const std::vector<std::int64_t> indices{2, place % 3};
      Image from_bytes(2 * size, -1), from_floats(2 * size, -1), expected;
      for (std::size_t i = 0; i < 2; ++i) {
        const auto begin = seen.begin() + indices[i] * static_cast<std::ptrdiff_t>(size);
        const Image one = reference({begin, begin + static_cast<std::ptrdiff_t>(size)}, shape, crops[i]);
        expected.insert(expected.end(), one.begin(), one.end());
      }
      gather_crops(pixels.data(), indices, crops, shape, table, from_bytes.data());
      gather_crops(seen.data(), indices, crops, shape, from_floats.data());
      ASSERT_EQ(from_bytes, expected) << place;
      ASSERT_EQ(from_floats, expected) << place;
    }
  }
}

TEST(Augmentation, IsAPureFunctionOfSeedPhaseAndStep) {
  const auto text = [](const std::vector<CropFlip>& crops) {
    std::string all;
    for (const CropFlip& crop : crops) {
      all += std::to_string(crop.down) + "," + std::to_string(crop.right) + (crop.flip ? "f " : " ");
    }
    return all;
  };
  const std::string here = text(draw_crop_flips(1, 2, 30, 20));
  EXPECT_EQ(text(draw_crop_flips(1, 2, 30, 20)), here);
  EXPECT_NE(text(draw_crop_flips(2, 2, 30, 20)), here);
  EXPECT_NE(text(draw_crop_flips(1, 3, 30, 20)), here);
  EXPECT_NE(text(draw_crop_flips(1, 2, 31, 20)), here);
  EXPECT_EQ(text(draw_crop_flips(1, 2, 30, 7)), here.substr(0, text(draw_crop_flips(1, 2, 30, 7)).size()));
}

TEST(Augmentation, EveryPlaceComesUpAsOftenAsTheOthers) {
  std::map<std::int64_t, int> down, right;
  int flips = 0;
  for (std::int64_t step = 0; step < 100; ++step) {
    for (const CropFlip& crop : draw_crop_flips(0, 0, step, 90)) {
      ++down[crop.down];
      ++right[crop.right];
      flips += crop.flip ? 1 : 0;
    }
  }
  ASSERT_EQ(down.size(), 9U);
  ASSERT_EQ(right.size(), 9U);
  for (std::int64_t place = 0; place < 9; ++place) {  // 1000 expected, standard deviation 30
    EXPECT_NEAR(down[place], 1000, 150);
    EXPECT_NEAR(right[place], 1000, 150);
  }
  EXPECT_NEAR(flips, 4500, 250);  // standard deviation 47
}

}  // namespace
}  // namespace espalier
