#include "orchestrator/sweeps/names_like.h"

#include <list>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "experiments/operators/graph_builder.h"

namespace espalier {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::UnorderedElementsAre;

/// Tensors of bytes: "name", {sizes}, what all of them are.
class NamesLike : public testing::Test {
 protected:
  NamesLike() {
    GraphBuilder builder;
    const ValueIndex x = builder.add("Add", "sum", {builder.input({2}), builder.buffer("constant_1", {2}, 0)});
    graph_ = builder.finish(builder.linear("fc", x, 2));
  }
  TensorBytes tensor(const std::string& name, const std::vector<std::int64_t>& shape, char what = 0) {
    std::size_t count = 1;
    for (const std::int64_t size : shape) count *= static_cast<std::size_t>(size);
    return {name, TensorType::u8, shape, held_.emplace_back(count, what)};
  }
  std::map<std::string, std::string> found(const std::vector<TensorBytes>& ours,
                                           const std::vector<TensorBytes>& theirs) const {
    return names_like(graph_, ours, theirs, "net.safetensors");
  }
  std::string refusal(const std::vector<TensorBytes>& ours, const std::vector<TensorBytes>& theirs) const {
    try {
      found(ours, theirs);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::invalid_input);
      return error.what();
    }
    return "it was named";
  }

  OperatorGraph graph_;
  std::list<std::string> held_;
};

TEST_F(NamesLike, WhatHasItsNameAndShapeIsIt) {
  EXPECT_THAT(
      found({tensor("a", {2}, 1), tensor("b", {2}, 2)}, {tensor("b", {2}), tensor("a", {2}), tensor("steps", {})}),
      IsEmpty());
}

TEST_F(NamesLike, OfTheOthersNumbersTellThenTheShape) {
  // Names of a file are in any order.
  const auto names =
      found({tensor("fc1.weight", {2, 2}, 1), tensor("fc2.weight", {2, 2}, 2), tensor("fc2.bias", {2}, 3)},
            {tensor("body.10.w", {2, 2}, 2), tensor("body.2.w", {2, 2}, 1), tensor("bias", {2}, 9)});
  EXPECT_THAT(names, UnorderedElementsAre(Pair("fc1.weight", "body.2.w"), Pair("fc2.weight", "body.10.w"),
                                          Pair("fc2.bias", "bias")));
}

TEST_F(NamesLike, OfEqualNumbersTheModuleTells) {
  const auto names =
      found({tensor("0.attn.in_proj_weight_2.weight", {6, 2}, 1), tensor("0.attn.in_proj_weight_2.bias", {6}),
             tensor("1.attn.in_proj_weight_2.weight", {6, 2}, 2), tensor("1.attn.in_proj_weight_2.bias", {6})},
            {tensor("1.attn.in_proj_bias", {6}), tensor("1.attn.in_proj_weight", {6, 2}, 2),
             tensor("0.attn.in_proj_bias", {6}), tensor("0.attn.in_proj_weight", {6, 2}, 1)});
  EXPECT_THAT(names, UnorderedElementsAre(Pair("0.attn.in_proj_weight_2.weight", "0.attn.in_proj_weight"),
                                          Pair("0.attn.in_proj_weight_2.bias", "0.attn.in_proj_bias"),
                                          Pair("1.attn.in_proj_weight_2.weight", "1.attn.in_proj_weight"),
                                          Pair("1.attn.in_proj_weight_2.bias", "1.attn.in_proj_bias")));
}

TEST_F(NamesLike, WhatCannotBeToldIsNamed) {
  // Both norms begin with ones.
  EXPECT_THAT(
      refusal({tensor("bn1.weight", {3}, 1), tensor("bn2.weight", {3}, 1)}, {tensor("x", {3}, 1), tensor("y", {3}, 1)}),
      HasSubstr("net.safetensors: cannot tell which of its tensors is bn1.weight (3): x, y; give"));
  EXPECT_THAT(refusal({tensor("fc.weight", {2, 2}, 1)}, {tensor("fc.weight", {2, 3}, 1)}),
              HasSubstr("net.safetensors: has no tensor that could be fc.weight (2x2)"));
}

TEST_F(NamesLike, AConstantOfTheCodeKeepsItsName) {
  EXPECT_THAT(found({tensor("constant_1", {2}, 5)}, {tensor("a", {3})}), IsEmpty());
}

}  // namespace
}  // namespace espalier
