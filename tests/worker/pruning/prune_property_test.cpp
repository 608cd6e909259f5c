// What holds of every prune, whatever scores, removes and spreads: tried with each criterion, granularity and
// allocation that the program accepts together.
#include <algorithm>
#include <optional>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/random.h"
#include "experiments/catalog/catalog.h"
#include "experiments/pruning/prune_scopes.h"
#include "tests/experiments/models/built_model.h"
#include "tests/worker/cpu.h"
#include "worker/network/initialization.h"
#include "worker/pruning/prune_network.h"
#include "worker/pruning/scope_units.h"

namespace espalier {
namespace {

constexpr std::int64_t kExamples = 12;

ValueIndex conv(GraphBuilder& graph, const std::string& name, ValueIndex x, std::int64_t out) {
  return graph.batch_norm(name + ".bn", graph.conv2d(name, x, {out, 3, 1, 1, false}));
}

/// Convolutions, norms, a residual block, linear layers.
ModelDescription convolutional() {
  return built_model("conv", {4, 4, 4}, 3, [](GraphBuilder& graph, ValueIndex x) {
    x = graph.relu("relu1", conv(graph, "conv1", x, 8));
    graph.begin_block("block", x);
    const ValueIndex body = graph.relu("block.relu1", conv(graph, "block.conv1", x, 4));
    x = graph.end_block(graph.relu("block.relu2", graph.sum(conv(graph, "block.conv2", body, 8), x)));
    x = graph.relu("relu2", graph.linear("fc1", graph.global_average_pool(x), 8));
    return graph.linear("fc2", x, 3);
  });
}

/// Rows of 4 as tokens; the images are those of the convolutional network.
ModelDescription attentive() {
  return built_model("attentive", {4, 4, 4}, 3, [](GraphBuilder& graph, ValueIndex x) {
    x = graph.linear("embed", graph.rows(x), 8);
    graph.begin_block("b", x);
    x = graph.sum(graph.attention("b.attn", graph.layer_norm("b.ln1", x), 4), x);
    const ValueIndex mlp = graph.gelu(graph.linear("b.fc1", graph.layer_norm("b.ln2", x), 8));
    x = graph.end_block(graph.sum(graph.linear("b.fc2", mlp, 8), x));
    return graph.linear("head", graph.mean_tokens(x), 3);
  });
}

DatasetSpec dataset() {
  DatasetSpec spec;
  spec.name = "random";
  spec.train = kExamples;
  spec.shape = {4, 4, 4};
  spec.classes = 3;
  return spec;
}

const ResidentDataset& examples() {
  static const ResidentDataset data = [] {
    Dataset images;
    RandomStream random(3, "examples");
    images.train.count = kExamples;
    for (std::int64_t i = 0; i < kExamples * 64; ++i)
      images.train.pixels.push_back(static_cast<std::uint8_t>(256 * random.uniform()));
    for (std::int64_t i = 0; i < kExamples; ++i) images.train.labels.push_back(static_cast<std::uint8_t>(i % 3));
    return ResidentDataset(images, dataset(), kCpu);
  }();
  return data;
}

Network drawn_at_random(const ModelDescription& model) {
  Network network(model, kCpu);
  InitSpec spec;
  spec.scheme = "kaiming_normal";
  spec.stream = "init";
  initialize(network, spec, 5);
  return network;
}

/// What says the counts: each scope's own, one ranking of all, or several.
enum class Spread { by_scope, global, rankings, in_twos };

struct Case {
  std::string criterion, granularity, ranking;
  Spread spread = Spread::global;

  bool by_scope() const { return spread == Spread::by_scope; }
};

std::string name_of(const Case& one) {
  const char* spreads[] = {", by scope", ", global", ", two rankings", ", in twos"};
  return one.criterion + ", " + one.granularity + ", " + (one.ranking.empty() ? "raw" : one.ranking) +
         spreads[static_cast<int>(one.spread)];
}

std::vector<Case> all_cases() {
  std::vector<Case> cases;
  for (const CriterionEntry& criterion : list_criteria()) {
    for (const char* granularity :
         {"weight", "block 2x3 mean", "2:4", "row l1", "filter l2", "channel max", "head sum", "layer mean"}) {
      for (const char* ranking : {"", "lamp", "normalized", "per_row"}) {
        for (const Spread spread : {Spread::global, Spread::by_scope, Spread::rankings, Spread::in_twos})
          cases.push_back({std::string(criterion.name), granularity, ranking, spread});
      }
    }
  }
  return cases;
}

/// Of one network; nothing where the program refuses the case before any work.
class Trial {
 public:
  Trial(const ModelDescription& model, const Case& one) : one_(one), network_(drawn_at_random(model)) {
    spec_.criterion = one.criterion;
    spec_.granularity = one.granularity;
    spec_.ranking = one.ranking;
    if (default_options(find_criterion(one.criterion)).contains("rounds")) spec_.options["rounds"] = 3;
    if (find_criterion(one.criterion).needs != CriterionNeeds::needs_nothing) {
      spec_.dataset = dataset();
      spec_.batches = 2;
      spec_.batch_size = 5;
    }
    const Granularity granularity = parse_granularity(one.granularity);
    scopes_ = prune_scopes(model, granularity, one.criterion, {});
    for (const PruneScope& scope : scopes_) {
      std::int64_t kept = std::max<std::int64_t>(1, scope.units * 2 / 5);
      if (one.ranking == "per_row") kept = scope.rows * std::max<std::int64_t>(1, scope.units / scope.rows / 2);
      if (granularity.kind == Granularity::Kind::n_of_m) kept = scope.units / granularity.of * granularity.kept;
      target_.total_kept += kept;
      target_.layer_kept.push_back(kept);
    }
    if (!one.by_scope()) target_.layer_kept.clear();
    if (one.spread == Spread::rankings) rank_apart();
    if (one.spread == Spread::in_twos) target_.layer_multiple.assign(scopes_.size(), 2);
  }

  /// The first scope has rivals nowhere, the others one another.
  void rank_apart() {
    target_.ranking_kept = {scopes_[0].units / 2, 0};
    target_.total_kept = scopes_[0].units / 2;
    target_.layer_ranking.assign(scopes_.size(), 1);
    target_.layer_ranking[0] = 0;
    for (std::size_t i = 1; i < scopes_.size(); ++i) target_.ranking_kept[1] += scopes_[i].units * 2 / 5;
    target_.total_kept += target_.ranking_kept[1];
  }

  Network& network() { return network_; }
  const PruneTarget& target() const { return target_; }

  Pruned prune() {
    const ResidentDataset* data = spec_.dataset ? &examples() : nullptr;
    const PruneBatches batches(spec_, data, 7, 0, kCpu);
    return prune_network(network_, {spec_, target_, 7, true, batches});
  }

  /// Units of which something is left.
  std::int64_t units_left() const {
    std::int64_t left = 0;
    for (std::size_t i = 0; i < scopes_.size(); ++i) left += units_left(i);
    return left;
  }
  std::int64_t units_left(std::size_t scope) const {
    return std::ranges::count(espalier::units_left(scopes_[scope], parse_granularity(one_.granularity), network_), 1);
  }
  const std::vector<PruneScope>& scopes() const { return scopes_; }

  void expect_counts() const {
    if (one_.spread == Spread::in_twos) {
      EXPECT_LE(std::abs(units_left() - target_.total_kept), 1);
      for (std::size_t i = 0; i < scopes_.size(); ++i)
        EXPECT_TRUE(units_left(i) % 2 == 0 || units_left(i) == scopes_[i].units) << scopes_[i].name;
      return;
    }
    EXPECT_EQ(units_left(), target_.total_kept);
    if (one_.spread == Spread::rankings) {
      EXPECT_EQ(units_left(0), target_.ranking_kept[0]);
    }
  }

 private:
  Case one_;
  Network network_;
  PruneSpec spec_;
  PruneTarget target_;
  std::vector<PruneScope> scopes_;
};

/// What check refuses: combinations with nothing to mean; and repetitions.
bool is_refused(const Case& one) {
  const bool weights = one.granularity == "weight";
  const CriterionEntry& criterion = find_criterion(one.criterion);
  const bool signed_scores = has(criterion.properties, CriterionProperty::signed_scores);
  const bool no_patterns = has(criterion.properties, CriterionProperty::no_patterns);
  const bool repairs = criterion.scores == CriterionScores::repairs_weights;
  const bool counts_units = one.granularity.starts_with("row") || one.granularity.starts_with("filter") ||
                            one.granularity.starts_with("channel") || one.granularity.starts_with("head");
  if (one.spread == Spread::in_twos && (!counts_units || !one.ranking.empty())) return true;
  if (one.spread == Spread::rankings && one.ranking == "normalized") return true;
  if (one.spread == Spread::rankings && (one.granularity == "2:4" || one.granularity == "layer mean" || repairs))
    return true;
  if (one.ranking == "per_row" && (!weights || !one.by_scope())) return true;
  if (!one.ranking.empty() && one.ranking != "per_row" && (one.by_scope() || one.granularity == "2:4")) return true;
  if (one.ranking == "lamp" && (signed_scores || one.granularity == "layer mean")) return true;
  if (repairs && (!one.ranking.empty() || (no_patterns && !weights))) return true;
  return repairs && criterion.ranks == CriterionRanks::within_layers && weights && !one.by_scope();
}

bool equal_tensors(const NamedTensors& a, const NamedTensors& b) {
  return std::ranges::equal(
      a, b, [](const auto& x, const auto& y) { return x.first == y.first && at::equal(x.second, y.second); });
}

class EveryPrune : public testing::TestWithParam<bool> {};

TEST_P(EveryPrune, IsExactDeterministicAndLeavesTheRestAlone) {
  const ModelDescription model = GetParam() ? attentive() : convolutional();
  std::int64_t tried = 0, refused = 0;
  for (const Case& one : all_cases()) {
    if (is_refused(one)) continue;
    SCOPED_TRACE(model.name + ": " + name_of(one));
    std::optional<Trial> trial;
    try {
      trial.emplace(model, one);
    } catch (const Error& error) {
      // Nothing of this network fits: said with both names, before any work.
      EXPECT_EQ(error.kind(), ErrorKind::invalid_input);
      EXPECT_FALSE(std::string(error.what()).empty());
      ++refused;
      continue;
    }
    ++tried;
    const NamedTensors weights = trial->network().weights();
    const Pruned pruned = trial->prune();
    trial->expect_counts();
    Trial twin(model, one);
    EXPECT_TRUE(equal_tensors(twin.prune().masks, pruned.masks));
    // Weights that stay are as they were, unless the criterion repairs; those that went are zero; buffers are
    // untouched.
    const bool repairs = find_criterion(one.criterion).scores == CriterionScores::repairs_weights;
    const NamedTensors after = trial->network().weights();
    for (std::size_t i = 0; i < weights.size(); ++i) {
      EXPECT_TRUE(at::isfinite(after[i].second).all().item<bool>()) << after[i].first;
      const bool masked = has_tensor(pruned.masks, after[i].first);
      if (masked) {
        const at::Tensor mask =
            std::ranges::find(pruned.masks, after[i].first, [](const auto& entry) -> const std::string& {
              return entry.first;
            })->second;
        EXPECT_TRUE(after[i].second.masked_select(mask.eq(0)).eq(0).all().item<bool>()) << after[i].first;
        EXPECT_TRUE(repairs || at::equal(after[i].second, weights[i].second.mul(mask))) << after[i].first;
      } else {
        EXPECT_TRUE(at::equal(after[i].second, weights[i].second)) << after[i].first;
      }
    }
  }
  EXPECT_GT(tried, 100);
  EXPECT_GT(refused, 10);
}

INSTANTIATE_TEST_SUITE_P(Networks, EveryPrune, testing::Bool(),
                         [](const auto& one) { return one.param ? "attentive" : "convolutional"; });

}  // namespace
}  // namespace espalier
