#include "worker/data/resident_dataset.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "tests/worker/cpu.h"

namespace espalier {
namespace {

/// Three training examples of two channels of 1x2 pixels, and one for testing.
DatasetSpec small_spec() {
  DatasetSpec spec;
  spec.name = "small";
  spec.train = 3;
  spec.test = 1;
  spec.shape = {2, 1, 2};
  spec.classes = 3;
  return spec;
}

Dataset bytes() {
  Dataset images;
  images.train = {3, {0, 255, 51, 102, 1, 2, 3, 4, 5, 6, 7, 8}, {0, 1, 2}, {}};
  images.test = {1, {0, 0, 0, 0}, {1}, {}};
  return images;
}

TEST(ResidentDataset, TokensAreTakenAsTheyAre) {
  DatasetSpec spec;
  spec.example = kTokenExamples;
  spec.shape = {1, 1, 3};
  spec.train = 2;
  Dataset dataset;
  dataset.train = {2, {}, {1, 0}, {}, {7, 50000, 1, 2, 3, 4}};
  const ResidentDataset data(dataset, spec, kCpu);
  const Batch batch = data.gather(data.train(), at::tensor({1, 0}, at::kLong));
  EXPECT_TRUE(at::equal(batch.inputs, at::tensor({2, 3, 4, 7, 50000, 1}, at::kLong).view({2, 3})));
  EXPECT_TRUE(at::equal(batch.labels, at::tensor({0, 1}, at::kLong)));
}

TEST(ResidentDataset, PixelsAreScaledToOne) {
  const ResidentDataset data(bytes(), small_spec(), kCpu);
  const Batch batch = data.gather(data.train(), at::tensor({2, 0}, at::kLong));
  EXPECT_TRUE(at::equal(
      batch.inputs, at::tensor({5.0F, 6.0F, 7.0F, 8.0F, 0.0F, 255.0F, 51.0F, 102.0F}).div(255.0F).view({2, 2, 1, 2})));
  EXPECT_TRUE(at::equal(batch.labels, at::tensor({2, 0}, at::kLong)));
}

// 0 and 1 with mean 0.5 and deviation 0.25 are -2 and 2; 0.2 and 0.4 with mean 0.2 and deviation 0.1 are 0 and 2.
TEST(ResidentDataset, PixelsAreNormalisedByChannelWhereTheDatasetSaysSo) {
  Dataset images = bytes();
  images.scale = {{0.5F, 0.2F}, {0.25F, 0.1F}};
  const ResidentDataset data(images, small_spec(), kCpu);
  const Batch batch = data.slice(data.train(), 0, 1);
  EXPECT_TRUE(at::allclose(batch.inputs, at::tensor({-2.0F, 2.0F, 0.0F, 2.0F}).view({1, 2, 1, 2}), 1e-6, 1e-6));
  images.scale = {{0.5F}, {0.25F}};
  EXPECT_THROW(ResidentDataset(images, small_spec(), kCpu), Error);
}

TEST(ResidentDataset, ValuesStayAsTheyAreAndAreNotSharedWithABatch) {
  Dataset images;
  images.train = {3, {}, {0, 1, 2}, {-1, 300, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}};
  images.test = {1, {}, {0}, {1, 2, 3, 4}};
  const ResidentDataset data(images, small_spec(), kCpu);
  const at::Tensor first = at::tensor({-1.0F, 300.0F, 2.0F, 3.0F}).view({1, 2, 1, 2});
  const Batch batch = data.slice(data.train(), 0, 1);
  EXPECT_TRUE(at::equal(batch.inputs, first));
  batch.inputs.zero_();
  EXPECT_TRUE(at::equal(data.gather(data.train(), at::tensor({0}, at::kLong)).inputs, first));
}

// The kernel for the CPU, the tensor operations of accelerators, and a plain gather where nothing moves.
TEST(ResidentDataset, CropsAreTheSameHoweverTheyAreComputed) {
  for (const bool floats : {false, true}) {
    DatasetSpec spec = small_spec();
    spec.shape = {2, 6, 5};
    spec.train = 12;
    Dataset images;
    images.train.count = 12;
    images.train.labels.resize(12);
    for (int i = 0; i < 12 * 2 * 6 * 5; ++i) {
      images.train.pixels.push_back(static_cast<std::uint8_t>(i * 7));
      images.train.values.push_back(static_cast<float>(i) - 100);
    }
    images.test = {1, std::vector<std::uint8_t>(60), {0}, std::vector<float>(60)};
    for (Examples* set : {&images.train, &images.test}) {
      if (!floats) set->values.clear();
      if (floats) set->pixels.clear();
    }
    if (!floats) images.scale = {{0.49F, 0.48F}, {0.247F, 0.24F}};
    const ResidentDataset data(images, spec, kCpu);
    const at::Tensor indices = at::tensor({3, 11, 0, 7, 3, 5}, at::kLong);
    const Batch plain = data.gather(data.train(), indices);
    EXPECT_TRUE(at::equal(data.gather(data.train(), indices, std::vector<CropFlip>(6)).inputs, plain.inputs));
    for (std::int64_t step = 0; step < 20; ++step) {
      const std::vector<CropFlip> crops = draw_crop_flips(1, 0, step, 6);
      const Batch batch = data.gather(data.train(), indices, crops);
      EXPECT_TRUE(at::equal(batch.inputs, crop_and_flip(plain.inputs, crops))) << step;
      EXPECT_TRUE(at::equal(batch.labels, plain.labels));
    }
  }
}

TEST(ResidentDataset, OtherSizesThanPlannedAreCorrupt) {
  Dataset images = bytes();
  images.train.pixels.pop_back();
  try {
    const ResidentDataset data(images, small_spec(), kCpu);
    ADD_FAILURE() << "accepted a pixel too few";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::corrupt);
  }
}

}  // namespace
}  // namespace espalier
