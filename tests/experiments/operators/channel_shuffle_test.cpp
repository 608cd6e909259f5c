// A channel shuffle written out becomes one operator.
#include <gmock/gmock.h>

#include "experiments/operators/graph_builder.h"
#include "experiments/operators/rewrites/rewrite.h"

namespace espalier {
namespace {

using Sizes = std::vector<std::int64_t>;

OperatorGraph shuffled(const Sizes& split, const Sizes& permutation, const Sizes& joined) {
  GraphBuilder builder;
  ValueIndex x = builder.input({6, 5});
  x = builder.add("Reshape", "split", {x}, {{"sizes", split}, {"batch", std::int64_t{0}}});
  x = builder.add("Transpose", "turned", {x}, {{"permutation", permutation}});
  x = builder.add("Reshape", "joined", {x}, {{"sizes", joined}, {"batch", std::int64_t{0}}});
  return rewritten(builder.finish(x));
}

TEST(ChannelShuffle, IsOneGather) {
  // Channels 0 1 2 | 3 4 5 of two groups: one of each group after the other.
  EXPECT_EQ(shuffled({1, 2, 3, 5}, {0, 2, 1, 3}, {1, 6, 5}).text(),
            "input input [N, 6, 5]\n"
            "joined = Gather(input) dim=1 indices=[0 3 1 4 2 5] -> [N, 6, 5]\n"
            "output joined\n");
  // 2 x 3 x 1: three parts.
  EXPECT_THAT(shuffled({1, 3, 1, 2, 5}, {0, 3, 2, 1, 4}, {1, 6, 5}).text(),
              testing::HasSubstr("indices=[0 2 4 1 3 5]"));
}

TEST(ChannelShuffle, OtherTurnsStay) {
  // Pixels and channels change places; and another shape comes out.
  EXPECT_EQ(shuffled({1, 6, 5, 1}, {0, 2, 1, 3}, {1, 6, 5}).nodes().size(), 3U);
  EXPECT_EQ(shuffled({1, 2, 3, 5}, {0, 2, 1, 3}, {1, 3, 10}).nodes().size(), 3U);
}

}  // namespace
}  // namespace espalier
