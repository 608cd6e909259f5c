#include "worker/resident_dataset.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace espalier {
namespace {

const at::Device kCpu(at::kCPU);

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

ImageDataset bytes() {
  ImageDataset images;
  images.train = {3, {0, 255, 51, 102, 1, 2, 3, 4, 5, 6, 7, 8}, {0, 1, 2}, {}};
  images.test = {1, {0, 0, 0, 0}, {1}, {}};
  return images;
}

TEST(ResidentDataset, PixelsAreScaledToOne) {
  const ResidentDataset data(bytes(), small_spec(), kCpu);
  const Batch batch = data.gather(data.train(), at::tensor({2, 0}, at::kLong));
  EXPECT_TRUE(at::equal(
      batch.images, at::tensor({5.0F, 6.0F, 7.0F, 8.0F, 0.0F, 255.0F, 51.0F, 102.0F}).div(255.0F).view({2, 2, 1, 2})));
  EXPECT_TRUE(at::equal(batch.labels, at::tensor({2, 0}, at::kLong)));
}

// 0 and 1 with mean 0.5 and deviation 0.25 are -2 and 2; 0.2 and 0.4 with mean 0.2 and deviation 0.1 are 0 and 2.
TEST(ResidentDataset, PixelsAreNormalisedByChannelWhereTheDatasetSaysSo) {
  ImageDataset images = bytes();
  images.scale = {{0.5F, 0.2F}, {0.25F, 0.1F}};
  const ResidentDataset data(images, small_spec(), kCpu);
  const Batch batch = data.slice(data.train(), 0, 1);
  EXPECT_TRUE(at::allclose(batch.images, at::tensor({-2.0F, 2.0F, 0.0F, 2.0F}).view({1, 2, 1, 2}), 1e-6, 1e-6));
  images.scale = {{0.5F}, {0.25F}};
  EXPECT_THROW(ResidentDataset(images, small_spec(), kCpu), Error);
}

TEST(ResidentDataset, ValuesStayAsTheyAreAndAreNotSharedWithABatch) {
  ImageDataset images;
  images.train = {3, {}, {0, 1, 2}, {-1, 300, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}};
  images.test = {1, {}, {0}, {1, 2, 3, 4}};
  const ResidentDataset data(images, small_spec(), kCpu);
  const at::Tensor first = at::tensor({-1.0F, 300.0F, 2.0F, 3.0F}).view({1, 2, 1, 2});
  const Batch batch = data.slice(data.train(), 0, 1);
  EXPECT_TRUE(at::equal(batch.images, first));
  batch.images.zero_();
  EXPECT_TRUE(at::equal(data.gather(data.train(), at::tensor({0}, at::kLong)).images, first));
}

TEST(ResidentDataset, OtherSizesThanPlannedAreCorrupt) {
  ImageDataset images = bytes();
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
