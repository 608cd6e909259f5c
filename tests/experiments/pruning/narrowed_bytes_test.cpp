#include "experiments/pruning/narrowed_bytes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace espalier {
namespace {

using testing::ElementsAre;

TEST(NarrowedBytes, IndicesOfEachDimensionStay) {
  const TensorBytes tensor{"w", TensorType::u8, {3, 2, 2}, "abcdefghijkl"};
  const KeptTensor kept{"w", {{0, 2}, {1}, {0, 1}}, {}};
  EXPECT_EQ(narrowed_bytes(tensor, kept), "cdkl");
  EXPECT_THAT(shape_of(kept), ElementsAre(2, 1, 2));
}

TEST(NarrowedBytes, EachGroupOfAConvolutionHasInputsOfItsOwn) {
  // Two groups of two filters, of two inputs each.
  const TensorBytes tensor{"w", TensorType::u8, {4, 2, 1}, "abcdefgh"};
  const KeptTensor kept{"w", {{0, 1, 3}, {0}, {0}}, {{1}, {0}}};
  EXPECT_EQ(narrowed_bytes(tensor, kept), "bdg");
  EXPECT_THAT(shape_of(kept), ElementsAre(3, 1, 1));
}

TEST(NarrowedBytes, ElementsOfSeveralBytesStayTogether) {
  const TensorBytes tensor{"w", TensorType::i32, {3}, "aaaabbbbcccc"};
  EXPECT_EQ(narrowed_bytes(tensor, {"w", {{1}}, {}}), "bbbb");
}

TEST(NarrowedBytes, AnotherShapeIsAnError) {
  const TensorBytes tensor{"w", TensorType::u8, {3}, "abc"};
  EXPECT_THROW(narrowed_bytes(tensor, {"w", {{0}, {0}}, {}}), Error);
  EXPECT_THROW(narrowed_bytes(tensor, {"w", {{3}}, {}}), Error);
}

}  // namespace
}  // namespace espalier
