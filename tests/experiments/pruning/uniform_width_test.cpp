#include "experiments/pruning/uniform_width.h"

#include <algorithm>
#include <cstdlib>

#include <gmock/gmock.h>

#include "base/error.h"
#include "base/rounded_share.h"
#include "experiments/pruning/coupled_scopes.h"
#include "tests/experiments/models/built_model.h"

namespace espalier {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::int64_t> kept_counts(const std::vector<RemovedUnits>& removed) {
  std::vector<std::int64_t> counts;
  for (const RemovedUnits& units : removed) counts.push_back(std::ranges::count(units.leaves, false));
  return counts;
}

ModelDescription catalog_model(const std::string& name, std::array<std::int64_t, 3> input) {
  return describe_model({name, input, 10});
}

// 784 h1 + h1 h2 + 10 h2 of 300 and 100: 266,200. A share of 0.5 keeps 150 and 50: 117,600 + 7,500 + 500 = 125,600. The
// next narrower is at 0.4983 (149, 50): 124,766; the next wider at 0.5017 (151, 50): 126,434.
TEST(UniformWidth, KeepsTheSameShareOfEveryLayer) {
  const ModelDescription model = catalog_model("lenet-300-100", {1, 28, 28});
  const std::vector<PruneScope> scopes = channel_scopes(*model.graph);
  const auto counts = [&](std::int64_t madds) { return kept_counts(narrowed_evenly(model, scopes, 1, madds)); };
  EXPECT_THAT(counts(125'600), ElementsAre(150, 50));
  EXPECT_THAT(counts(125'183), ElementsAre(149, 50)) << "halfway, the fewer";
  EXPECT_THAT(counts(125'184), ElementsAre(150, 50));
  EXPECT_THAT(counts(126'434), ElementsAre(151, 50));
  EXPECT_THAT(counts(1), ElementsAre(1, 1)) << "a layer keeps one";
  EXPECT_THAT(counts(266'200), IsEmpty()) << "nothing to leave";
  EXPECT_EQ(madds_without(model, narrowed_evenly(model, scopes, 1, 126'434)), 126'434);
}

TEST(UniformWidth, KeepsMultiplesOfWhatIsAsked) {
  const ModelDescription model = catalog_model("lenet-300-100", {1, 28, 28});
  const std::vector<PruneScope> scopes = channel_scopes(*model.graph);
  EXPECT_THAT(kept_counts(narrowed_evenly(model, scopes, 8, 125'600)), ElementsAre(152, 48));
  EXPECT_THAT(kept_counts(narrowed_evenly(model, scopes, 8, 1)), ElementsAre(8, 8));
}

TEST(UniformWidth, TheFirstUnitsStay) {
  const ModelDescription model = catalog_model("lenet-300-100", {1, 28, 28});
  for (const RemovedUnits& units : narrowed_evenly(model, channel_scopes(*model.graph), 1, 100'000))
    EXPECT_TRUE(std::ranges::is_sorted(units.leaves));
}

/// What any share there is leads to.
std::int64_t nearest_of_all(const ModelDescription& model, const std::vector<PruneScope>& scopes, std::int64_t madds) {
  std::int64_t nearest = -1;
  std::vector<std::int64_t> before;
  for (int step = 0; step <= 2000; ++step) {
    std::vector<RemovedUnits> removed;
    for (const PruneScope& scope : scopes) {
      const std::int64_t kept = std::max<std::int64_t>(1, rounded_share(scope.units, step / 2000.0));
      std::vector<bool> leaves(static_cast<std::size_t>(scope.units), true);
      std::fill_n(leaves.begin(), kept, false);
      if (kept < scope.units) removed.push_back({scope, leaves});
    }
    if (const auto counts = kept_counts(removed); step > 0 && counts == before) continue;
    before = kept_counts(removed);
    const std::int64_t found = madds_without(model, removed);
    if (nearest < 0 || std::abs(found - madds) < std::abs(nearest - madds)) nearest = found;
    if (found > madds) return nearest;
  }
  return nearest;
}

// A layer of the transformer has 4 heads and an MLP of 128 neurons.
TEST(UniformWidth, WhereBlocksGoChannelsAndHeadsBecomeFewer) {
  const ModelDescription model = catalog_model("transformer", {1, 28, 28});
  const auto names = [&](Granularity::Kind kind, const std::vector<std::string>& protect = {}) {
    std::vector<std::string> found;
    for (const PruneScope& scope : narrow_scopes(model, {.kind = kind}, protect)) found.push_back(scope.name);
    return found;
  };
  EXPECT_THAT(names(Granularity::Kind::channel), ElementsAre("blocks.0.mlp.fc1", "blocks.1.mlp.fc1"));
  EXPECT_THAT(names(Granularity::Kind::head), ElementsAre("blocks.0.attn", "blocks.1.attn"));
  EXPECT_THAT(names(Granularity::Kind::layer, {"blocks.1.attn.q"}),
              ElementsAre("blocks.0.mlp.fc1", "blocks.1.mlp.fc1", "blocks.0.attn"));
  EXPECT_THROW(narrow_scopes(model, {.kind = Granularity::Kind::head}, {"blocks.0.attn.v", "blocks.1.attn.v"}), Error);
  const std::vector<PruneScope> scopes = narrow_scopes(model, {.kind = Granularity::Kind::layer}, {});
  EXPECT_THAT(narrowed_evenly(model, scopes, 1, count_model(model).madds / 2), testing::SizeIs(4));
}

TEST(UniformWidth, NoOtherShareIsNearer) {
  struct Case {
    const char* name;
    std::array<std::int64_t, 3> input;
    bool heads;
  };
  for (const Case& one : {Case{"lenet-5", {1, 28, 28}, false}, Case{"resnet-20", {3, 32, 32}, false},
                          Case{"transformer", {1, 28, 28}, false}, Case{"transformer", {1, 28, 28}, true}}) {
    const ModelDescription model = catalog_model(one.name, one.input);
    const std::vector<PruneScope> scopes = one.heads ? head_scopes(*model.graph) : channel_scopes(*model.graph);
    const std::int64_t whole = count_model(model).madds;
    for (const double share : {0.2, 0.85}) {
      const auto wanted = static_cast<std::int64_t>(share * static_cast<double>(whole));
      EXPECT_EQ(madds_without(model, narrowed_evenly(model, scopes, 1, wanted)), nearest_of_all(model, scopes, wanted))
          << one.name << (one.heads ? " heads " : " channels ") << share;
    }
  }
}

}  // namespace
}  // namespace espalier
