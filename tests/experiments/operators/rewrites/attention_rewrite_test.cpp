#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "experiments/operators/graph_builder.h"
#include "experiments/operators/operator.h"
#include "experiments/operators/rewrites/rewrite.h"

// Attention in the forms in which networks write it becomes one operator.

namespace espalier {
namespace {

using Sizes = std::vector<std::int64_t>;
using testing::HasSubstr;
using testing::Not;

constexpr std::int64_t kTokens = 5, kWidth = 12, kHeads = 3, kDepth = 4;

class AttentionRewrite : public testing::Test {
 protected:
  ValueIndex shaped(ValueIndex x, const Sizes& sizes, std::int64_t batch = 0) {
    return graph_.add("Reshape", "", {x}, {{"sizes", sizes}, {"batch", batch}});
  }
  ValueIndex turned(ValueIndex x, const Sizes& permutation) {
    return graph_.add("Transpose", "", {x}, {{"permutation", permutation}});
  }
  ValueIndex times(ValueIndex x, double number) { return graph_.add("MulNumber", "", {x}, {{"number", number}}); }
  ValueIndex part(ValueIndex x, std::int64_t dim, std::int64_t start, std::int64_t end) {
    return graph_.add("Slice", "", {x}, {{"dim", dim}, {"start", start}, {"end", end}, {"step", std::int64_t{1}}});
  }
  ValueIndex softmax(ValueIndex x) { return graph_.add("Softmax", "", {x}, {{"dim", std::int64_t{-1}}}); }
  ValueIndex product(ValueIndex one, ValueIndex other) { return graph_.add("MatMul", "", {one, other}); }
  /// [N, tokens, heads depth] as [N, heads, tokens, depth].
  ValueIndex heads(ValueIndex x, std::int64_t count = kHeads) {
    const Dims dims = graph_.dims(x);
    return turned(shaped(x, {1, dims[1].size, count, dims[2].size / count}), {0, 2, 1, 3});
  }
  ValueIndex joined(ValueIndex given) {
    const Dims dims = graph_.dims(given);
    return shaped(turned(given, {0, 2, 1, 3}), {1, dims[2].size, dims[1].size * dims[3].size});
  }
  std::string rewritten_text(ValueIndex output) { return rewritten(graph_.finish(output)).text(); }

  GraphBuilder graph_;
  const ValueIndex x_ = graph_.input({kTokens, kWidth});
};

TEST_F(AttentionRewrite, ThreeLayers) {
  const ValueIndex q = heads(graph_.linear("a.q", x_, kWidth)), k = heads(graph_.linear("a.k", x_, kWidth)),
                   v = heads(graph_.linear("a.v", x_, kWidth));
  const ValueIndex share = softmax(times(product(q, turned(k, {0, 1, 3, 2})), 0.5));
  const std::string text = rewritten_text(graph_.linear("a.o", joined(product(share, v)), kWidth));
  EXPECT_THAT(text, HasSubstr("a = Attention(a.q, a.k, a.v) causal=0 divisor=2.0 heads=3 key_value_heads=3"));
  EXPECT_THAT(text, HasSubstr("a.o = Linear(a, "));
  EXPECT_THAT(text, Not(HasSubstr("MatMul")));
  EXPECT_THAT(text, Not(HasSubstr("Reshape")));
}

TEST_F(AttentionRewrite, OneLayerCutIntoThree) {
  ValueIndex x = graph_.linear("a.qkv", x_, 3 * kWidth);
  x = turned(shaped(x, {1, kTokens, 3, kHeads, kDepth}), {2, 0, 3, 1, 4});
  const auto one = [&](std::int64_t i) { return shaped(part(x, 0, i, i + 1), {1, kHeads, kTokens, kDepth}); };
  const ValueIndex q = times(one(0), 0.5), k = one(1), v = one(2);
  const ValueIndex given = product(softmax(product(q, turned(k, {0, 1, 3, 2}))), v);
  const std::string text = rewritten_text(graph_.linear("a.o", joined(given), kWidth));
  EXPECT_THAT(text, HasSubstr("Slice(a.qkv) dim=2 end=12 start=0 step=1"));
  EXPECT_THAT(text, HasSubstr("Slice(a.qkv) dim=2 end=24 start=12 step=1"));
  EXPECT_THAT(text, HasSubstr("Slice(a.qkv) dim=2 end=36 start=24 step=1"));
  EXPECT_THAT(text, HasSubstr("a = Attention(a."));
  EXPECT_THAT(text, HasSubstr("divisor=2.0 heads=3 key_value_heads=3"));
  EXPECT_THAT(text, Not(HasSubstr("MatMul")));
}

/// torch.nn.MultiheadAttention: tokens first, examples and heads in one dimension.
TEST_F(AttentionRewrite, TokensFirst) {
  const ValueIndex x = graph_.linear("a.in_proj", turned(x_, {1, 0, 2}), 3 * kWidth);
  const auto one = [&](std::int64_t i) {
    const ValueIndex cut = shaped(part(x, 2, i * kWidth, (i + 1) * kWidth), {kTokens, kHeads, kDepth}, 1);
    return turned(cut, {1, 0, 2});
  };
  const ValueIndex q = times(one(0), 0.5), k = one(1), v = one(2);
  ValueIndex share = softmax(product(q, turned(k, {0, 2, 1})));
  share = graph_.add("Dropout", "", {share}, {{"probability", 0.1}});
  ValueIndex given = turned(product(share, v), {1, 0, 2});
  given = shaped(given, {kTokens, 1, kWidth}, 1);
  const std::string text = rewritten_text(turned(graph_.linear("a.o", given, kWidth), {1, 0, 2}));
  EXPECT_THAT(text, HasSubstr("a = Attention("));
  EXPECT_THAT(text, HasSubstr("divisor=2.0 dropout=0.1 heads=3 key_value_heads=3 -> [N, 5, 12]"));
  EXPECT_THAT(text, Not(HasSubstr("MatMul")));
}

TEST_F(AttentionRewrite, HeadsThatShareKeysAndValues) {
  const ValueIndex q = heads(graph_.linear("a.q", x_, 16), 4);
  const auto shared = [&](const char* name) {
    ValueIndex one = heads(graph_.linear(name, x_, 8), 2);
    one = shaped(one, {1, 2, 1, kTokens, 4});
    one = graph_.add("Expand", "", {one}, {{"sizes", Sizes{1, 2, 2, kTokens, 4}}, {"batch", std::int64_t{0}}});
    return shaped(one, {1, 4, kTokens, 4});
  };
  const ValueIndex k = shared("a.k"), v = shared("a.v");
  const ValueIndex share = softmax(times(product(q, turned(k, {0, 1, 3, 2})), 0.5));
  const std::string text = rewritten_text(graph_.linear("a.o", joined(product(share, v)), kWidth));
  EXPECT_THAT(text, HasSubstr("a = Attention(a.q, a.k, a.v) causal=0 divisor=2.0 heads=4 key_value_heads=2"));
  EXPECT_THAT(text, Not(HasSubstr("Expand")));
}

TEST_F(AttentionRewrite, KeysThatAreBroadcastToAllHeads) {
  const ValueIndex q = heads(graph_.linear("a.q", x_, 16), 4);
  const ValueIndex k = heads(graph_.linear("a.k", x_, 4), 1), v = heads(graph_.linear("a.v", x_, 4), 1);
  const ValueIndex share = softmax(product(q, turned(k, {0, 1, 3, 2})));
  EXPECT_THAT(rewritten_text(graph_.linear("a.o", joined(product(share, v)), kWidth)),
              HasSubstr("Attention(a.q, a.k, a.v) causal=0 divisor=1.0 heads=4 key_value_heads=1"));
}

TEST_F(AttentionRewrite, AMaskIsItsBias) {
  const ValueIndex q = heads(graph_.linear("a.q", x_, kWidth)), k = heads(graph_.linear("a.k", x_, kWidth)),
                   v = heads(graph_.linear("a.v", x_, kWidth));
  const ValueIndex mask = graph_.buffer("mask", {1, 1, kTokens, kTokens}, 0);
  ValueIndex match = times(product(q, turned(k, {0, 1, 3, 2})), 0.5);
  match = graph_.add("Add", "", {match, mask});
  const std::string text = rewritten_text(graph_.linear("a.o", joined(product(softmax(match), v)), kWidth));
  EXPECT_THAT(text, HasSubstr("Reshape(mask) batch=-1 sizes=[5 5]"));
  EXPECT_THAT(text, HasSubstr("a = Attention(a.q, a.k, a.v, a."));
}

TEST_F(AttentionRewrite, ABiasThatIsScaledWithItsMatchesIsNone) {
  const ValueIndex q = heads(graph_.linear("a.q", x_, kWidth)), k = heads(graph_.linear("a.k", x_, kWidth)),
                   v = heads(graph_.linear("a.v", x_, kWidth));
  const ValueIndex mask = graph_.buffer("mask", {kTokens, kTokens}, 0);
  const ValueIndex match = times(graph_.add("Add", "", {product(q, turned(k, {0, 1, 3, 2})), mask}), 0.5);
  EXPECT_THAT(rewritten_text(graph_.linear("a.o", joined(product(softmax(match), v)), kWidth)),
              Not(HasSubstr("Attention")));
}

TEST_F(AttentionRewrite, HeadsThatChangePlacesAreGathered) {
  const ValueIndex q = heads(graph_.linear("a.q", x_, kWidth)), v = heads(graph_.linear("a.v", x_, kWidth));
  ValueIndex k = heads(graph_.linear("a.k", x_, kWidth));
  k = graph_.add("Gather", "", {k}, {{"dim", std::int64_t{1}}, {"indices", Sizes{2, 0, 1}}});
  const ValueIndex share = softmax(product(q, turned(k, {0, 1, 3, 2})));
  EXPECT_THAT(rewritten_text(graph_.linear("a.o", joined(product(share, v)), kWidth)),
              HasSubstr("Gather(a.k) dim=2 indices=[8 9 10 11 0 1 2 3 4 5 6 7]"));
}

/// The order in which heads are joined is not that of attention: depth, then heads.
TEST_F(AttentionRewrite, HeadsThatAreWovenTogetherStay) {
  const ValueIndex q = heads(graph_.linear("a.q", x_, kWidth)), k = heads(graph_.linear("a.k", x_, kWidth)),
                   v = heads(graph_.linear("a.v", x_, kWidth));
  ValueIndex given = product(softmax(product(q, turned(k, {0, 1, 3, 2}))), v);
  given = shaped(turned(given, {0, 2, 3, 1}), {1, kTokens, kWidth});
  EXPECT_THAT(rewritten_text(graph_.linear("a.o", given, kWidth)), Not(HasSubstr("Attention")));
}

TEST_F(AttentionRewrite, TokensThatChangePlacesStay) {
  const ValueIndex q = heads(graph_.linear("a.q", x_, kWidth)), k = heads(graph_.linear("a.k", x_, kWidth));
  ValueIndex v = heads(graph_.linear("a.v", x_, kWidth));
  v = graph_.add("Gather", "", {v}, {{"dim", std::int64_t{2}}, {"indices", Sizes{4, 3, 2, 1, 0}}});
  const ValueIndex share = softmax(product(q, turned(k, {0, 1, 3, 2})));
  EXPECT_THAT(rewritten_text(graph_.linear("a.o", joined(product(share, v)), kWidth)), Not(HasSubstr("Attention")));
}

/// Positions that turn queries and keys: what is attended is no layer's output, but has heads in a dimension.
TEST_F(AttentionRewrite, HeadsThatWereComputedByHead) {
  const ValueIndex q = graph_.add("Tanh", "", {heads(graph_.linear("a.q", x_, kWidth))}),
                   k = graph_.add("Tanh", "", {heads(graph_.linear("a.k", x_, kWidth))}),
                   v = heads(graph_.linear("a.v", x_, kWidth));
  const ValueIndex share = softmax(product(q, turned(k, {0, 1, 3, 2})));
  const std::string text = rewritten_text(graph_.linear("a.o", joined(product(share, v)), kWidth));
  EXPECT_THAT(text, HasSubstr("Attention("));
  EXPECT_THAT(text, HasSubstr("heads=3 key_value_heads=3"));
}

}  // namespace
}  // namespace espalier
