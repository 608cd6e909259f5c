#include "experiments/expand/effective_madds.h"

#include <gtest/gtest.h>

#include "experiments/pruning/coupled_scopes.h"
#include "tests/experiments/models/built_model.h"

namespace espalier {
namespace {

/// Half of every scope.
double half_of(const std::vector<PruneScope>& scopes, const ModelDescription& model) {
  PruneTarget target;
  for (const PruneScope& scope : scopes) target.layer_kept.push_back(scope.units / 2);
  return effective_madds(target, scopes, prunable_layers(model)).value();
}

TEST(EffectiveMadds, HeadsTakeWhatReadsThemAlongWhateverTheirLayersAreCalled) {
  const ModelDescription model = built_model("net", {1, 3, 8}, 2, [](GraphBuilder& graph, ValueIndex x) {
    x = graph.rows(x);
    const ValueIndex one = graph.linear("n1", x, 8), two = graph.linear("n2", x, 8), three = graph.linear("n3", x, 8);
    x = graph.add("Attention", "n4", {one, two, three},
                  {{"heads", std::int64_t{4}},
                   {"key_value_heads", std::int64_t{4}},
                   {"causal", std::int64_t{0}},
                   {"divisor", 1.0}});
    return graph.linear("fc", graph.mean_tokens(graph.linear("n5", x, 8)), 2);
  });
  EXPECT_EQ(half_of(head_scopes(*model.graph), model), 4 * 3 * 64 / 2 + 16);
}

TEST(EffectiveMadds, ALayerThatLosesInputsAndOutputsKeepsThePartOfBoth) {
  // The sigmoid is not zero at zero: what reads a removed channel is removed.
  const ModelDescription model = built_model("net", {4, 1, 1}, 2, [](GraphBuilder& graph, ValueIndex x) {
    x = graph.add("Sigmoid", "", {graph.linear("a", graph.flatten(x), 8)});
    return graph.linear("c", graph.relu("relu", graph.linear("b", x, 8)), 2);
  });
  EXPECT_EQ(half_of(channel_scopes(*model.graph), model), 32 / 2 + 64 / 4 + 16);
}

TEST(EffectiveMadds, OfALayerOfWhichOnlySomeOutputsCouldGoTheOthersCount) {
  // Outputs 0 and 1 of "a" are read alone; the others are the network's.
  const ModelDescription model = built_model("net", {4, 1, 1}, 4, [](GraphBuilder& graph, ValueIndex x) {
    const auto part = [&](ValueIndex of, std::int64_t start, std::int64_t end) {
      return graph.add("Slice", "", {of},
                       {{"dim", std::int64_t{1}}, {"start", start}, {"end", end}, {"step", std::int64_t{1}}});
    };
    const ValueIndex a = graph.linear("a", graph.flatten(x), 8);
    const ValueIndex read = graph.linear("b", part(a, 0, 4), 4);
    return graph.sum(read, part(a, 4, 8));
  });
  EXPECT_EQ(half_of(channel_scopes(*model.graph), model), 32 * 6 / 8 + 16);
}

}  // namespace
}  // namespace espalier
