#include <algorithm>
#include <set>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/sha256.h"
#include "experiments/datasets/dataset.h"
#include "experiments/datasets/glyph.h"

namespace espalier {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::Gt;

DatasetRequest request_of(std::int64_t train, std::int64_t test, std::uint64_t seed) {
  DatasetRequest request;
  request.name = "glyphs";
  request.train = train;
  request.test = test;
  request.generator_seed = seed;
  return request;
}

Dataset load(const DatasetRequest& request) {
  return load_dataset(resolve_dataset(request, {}), "", {});
}

std::string hash_of(const std::vector<std::uint8_t>& bytes) {
  return to_hex(sha256(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size())));
}

TEST(Glyphs, DefaultSizes) {
  const DatasetSpec spec = resolve_dataset(request_of(-1, -1, 0), {});
  EXPECT_EQ(spec.train, 18'000);
  EXPECT_EQ(spec.validation, 2'000);
  EXPECT_EQ(spec.test, 4'000);
  EXPECT_EQ(spec.classes, 10);
  EXPECT_THAT(spec.shape, ElementsAre(1, 28, 28));
  EXPECT_EQ(spec.content, "glyphs:1:seed=0:train=18000:validation=2000:test=4000");
}

// If this fails, the images changed: raise kGlyphsVersion, so that no old result is taken for a new one.
TEST(Glyphs, ThePinnedImagesAreDrawn) {
  const Dataset data = load(request_of(30, 10, 7));
  EXPECT_THAT(data.test.labels, ElementsAre(7, 3, 7, 2, 6, 3, 9, 2, 7, 4));
  EXPECT_EQ(hash_of(data.train.pixels), "cd7cead10bb19c8e979a5f4ae03049c58bf3949ec2c711a56d69f0d0748f7bc0");
  EXPECT_EQ(hash_of(data.test.pixels), "2827da3ad40c9ee451fbfe81db4c1febc5f12a4fc32ec2ccd6d5bbee7320bf3c");
}

TEST(Glyphs, AnExampleDependsOnItsNumberAndSeedAlone) {
  const Dataset small = load(request_of(30, 5, 1));
  const Dataset large = load(request_of(60, 10, 1));
  EXPECT_TRUE(std::equal(small.train.pixels.begin(), small.train.pixels.end(), large.train.pixels.begin()));
  EXPECT_TRUE(std::equal(small.test.pixels.begin(), small.test.pixels.end(), large.test.pixels.begin()));
  EXPECT_NE(load(request_of(30, 5, 2)).train.pixels, small.train.pixels);
}

TEST(Glyphs, EveryImageIsNewAndEveryDigitComesUp) {
  const Dataset data = load(request_of(2000, 1000, 0));
  std::vector<int> counts(10);
  for (const std::int64_t label : data.train.labels) ++counts[static_cast<std::size_t>(label)];
  EXPECT_THAT(counts, Each(Gt(120)));  // 180 expected, standard deviation 13
  std::set<std::string_view> images;
  for (const Examples* set : {&data.train, &data.validation, &data.test}) {
    const auto* pixels = reinterpret_cast<const char*>(set->pixels.data());
    for (std::int64_t i = 0; i < set->count; ++i) images.emplace(pixels + 784 * i, 784U);
  }
  EXPECT_EQ(images.size(), 3000U);
}

TEST(Glyphs, AnotherVersionsSpecIsRefused) {
  DatasetSpec spec = resolve_dataset(request_of(30, 10, 7), {});
  spec.content = "glyphs:0:seed=7:train=27:validation=3:test=10";
  EXPECT_THROW(load_dataset(spec, "", {}), Error);
}

}  // namespace
}  // namespace espalier
