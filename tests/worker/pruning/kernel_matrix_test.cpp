#include "worker/pruning/kernel_matrix.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "experiments/operators/operator.h"

namespace espalier {
namespace {

using testing::ElementsAre;
using Bytes = KernelMatrix::Bytes;

Node node_of(std::string_view op, std::int64_t groups) {
  Node node;
  node.op = &find_operator(op);
  node.attributes["groups"] = groups;
  return node;
}

PrunableLayer layer_of_shape(std::vector<std::int64_t> shape) {
  PrunableLayer layer;
  layer.weights = 1;
  for (const std::int64_t size : shape) layer.weights *= size;
  layer.shape = std::move(shape);
  return layer;
}

// Two outputs of two inputs, kernels of 1 x 2: 0 sees input 1 with one element, 1 sees input 0 with both.
TEST(KernelMatrix, AKernelWithAnyElementJoins) {
  const Bytes mask{0, 0, 1, 0, /**/ 1, 1, 0, 0};
  const KernelMatrix kernels(layer_of_shape({2, 2, 1, 2}), node_of("Conv", 1), mask);
  EXPECT_THAT(kernels.forward(Bytes{1, 0}), ElementsAre(0, 1));
  EXPECT_THAT(kernels.backward(Bytes{1, 0}), ElementsAre(0, 1));
  EXPECT_EQ(kernels.effective(Bytes{1, 1}, Bytes{1, 1}), 3);
  EXPECT_EQ(kernels.effective(Bytes{1, 0}, Bytes{1, 1}), 2);
}

TEST(KernelMatrix, AGroupSeesItsOwn) {
  for (const Bytes& mask : {Bytes{}, Bytes(8, 1)}) {
    const KernelMatrix kernels(layer_of_shape({4, 2, 1, 1}), node_of("Conv", 2), mask);
    EXPECT_EQ(kernels.inputs(), 4U);
    EXPECT_THAT(kernels.forward(Bytes{0, 1, 0, 0}), ElementsAre(1, 1, 0, 0));
    EXPECT_THAT(kernels.backward(Bytes{0, 0, 0, 1}), ElementsAre(0, 0, 1, 1));
    EXPECT_EQ(kernels.effective(Bytes{0, 1, 0, 0}, Bytes{1, 1, 1, 1}), 2);
  }
}

// [in 4, out / groups 3, 1, 2] in two groups: output 4 (1 of group 1) sees input 2 (0 of group 1) with one element.
TEST(KernelMatrix, ATransposedWeightIsTurned) {
  Bytes mask(24, 0);
  mask[(2 * 3 + 1) * 2 + 1] = 1;
  const KernelMatrix kernels(layer_of_shape({4, 3, 1, 2}), node_of("ConvTranspose", 2), mask);
  EXPECT_EQ(kernels.outputs(), 6U);
  EXPECT_EQ(kernels.inputs(), 4U);
  EXPECT_THAT(kernels.forward(Bytes{1, 1, 1, 1}), ElementsAre(0, 0, 0, 0, 1, 0));
  EXPECT_THAT(kernels.backward(Bytes(6, 1)), ElementsAre(0, 0, 1, 0));
  EXPECT_EQ(kernels.effective(Bytes{0, 0, 1, 0}, Bytes(6, 1)), 1);
  EXPECT_EQ(kernels.effective(Bytes{1, 1, 0, 1}, Bytes(6, 1)), 0);
}

}  // namespace
}  // namespace espalier
