#include "worker/network/flat_parameters.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace espalier {
namespace {

FlatParameters two_layers() {
  FlatParameters flat(11, at::kCPU, at::kFloat);
  flat.add("fc1.weight", {2, 3}, Parameter::Role::weight);
  flat.add("fc1.bias", {2}, Parameter::Role::bias);
  flat.add("norm.weight", {1}, Parameter::Role::scale);
  flat.add("head.fc.weight", {1, 2}, Parameter::Role::weight);
  return flat;
}

TEST(FlatParameters, BeginsWithZerosAndKeepsEverything) {
  for (const at::ScalarType type : {at::kFloat, at::kDouble}) {
    const FlatParameters flat(5, at::kCPU, type);
    for (const at::Tensor& tensor : {flat.values, flat.gradients, flat.masks}) {
      EXPECT_EQ(tensor.scalar_type(), type);
      EXPECT_EQ(tensor.numel(), 5);
    }
    EXPECT_EQ(flat.values.count_nonzero().item<std::int64_t>(), 0);
    EXPECT_EQ(flat.gradients.count_nonzero().item<std::int64_t>(), 0);
    EXPECT_EQ(flat.masks.sum().item<double>(), 5);
  }
}

TEST(FlatParameters, PartsLieOneBehindTheOtherInTheThreeTensors) {
  FlatParameters flat = two_layers();
  ASSERT_EQ(flat.parameters.size(), 4U);
  const at::NoGradGuard no_grad;
  float value = 1;
  for (Parameter& parameter : flat.parameters) {
    parameter.leaf.fill_(value);
    parameter.gradient.fill_(10 * value);
    parameter.mask.fill_(100 * value++);
  }
  const at::Tensor expected = at::tensor({1, 1, 1, 1, 1, 1, 2, 2, 3, 4, 4}, at::kFloat);
  EXPECT_TRUE(flat.values.equal(expected));
  EXPECT_TRUE(flat.gradients.equal(10 * expected));
  EXPECT_TRUE(flat.masks.equal(100 * expected));
}

TEST(FlatParameters, OnlyWeightsOfLayersCanBePruned) {
  FlatParameters flat = two_layers();
  ASSERT_EQ(flat.prunable.size(), 2U);
  EXPECT_EQ(flat.prunable[0].layer, "fc1");
  EXPECT_EQ(flat.prunable[1].layer, "head.fc");
  EXPECT_EQ(flat.prunable[1].parameter, "head.fc.weight");
  flat.prunable[1].mask.zero_();
  EXPECT_EQ(flat.masks.sum().item<double>(), 9);
  EXPECT_EQ(flat.prunable[0].weight.sizes(), (std::vector<std::int64_t>{2, 3}));
}

// A step of the optimizer over the flat tensor is what the next pass computes with.
TEST(FlatParameters, LeavesShareTheMemoryAndHaveGradientsOfTheirOwn) {
  FlatParameters flat = two_layers();
  {
    const at::NoGradGuard no_grad;
    flat.values.fill_(3);
  }
  const at::Tensor leaf = flat.parameters[0].leaf;
  EXPECT_TRUE(leaf.requires_grad());
  EXPECT_TRUE(leaf.is_leaf());
  EXPECT_FALSE(flat.values.requires_grad());
  const at::Tensor loss = (leaf * leaf).sum();
  EXPECT_EQ(loss.item<double>(), 6 * 9);
  loss.backward();
  EXPECT_TRUE(leaf.grad().equal(at::full({2, 3}, 6, at::kFloat)));
  EXPECT_FALSE(flat.parameters[3].leaf.grad().defined());
}

TEST(FlatParameters, OneParameterTooManyIsNamed) {
  FlatParameters flat = two_layers();
  try {
    flat.add("more.bias", {1}, Parameter::Role::bias);
    FAIL() << "it was added";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::internal);
    EXPECT_NE(std::string(error.what()).find("more.bias"), std::string::npos);
  }
}

TEST(FlatParameters, BuffersAreNoPartOfIt) {
  FlatParameters flat = two_layers();
  const at::Tensor variance = flat.add_buffer("norm.running_var", {4}, 1);
  EXPECT_EQ(variance.sum().item<double>(), 4);
  ASSERT_EQ(flat.buffers.size(), 1U);
  EXPECT_TRUE(flat.buffers[0].tensor.is_same(variance));
  EXPECT_EQ(flat.buffers[0].initial, 1.0);
  EXPECT_EQ(flat.values.numel(), 11);
}

}  // namespace
}  // namespace espalier
