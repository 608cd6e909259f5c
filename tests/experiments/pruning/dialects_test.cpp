#include "experiments/pruning/dialects/dialects.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <random>

#include <gmock/gmock.h>

#include "experiments/catalog/catalog.h"
#include "tests/experiments/golden_folder.h"
#include "tests/needs.h"

namespace espalier {
namespace {

using testing::AllOf;
using testing::AnyOfArray;
using testing::Contains;
using testing::Each;
using testing::IsEmpty;
using testing::Not;

CountQuestion round_of(std::int64_t total, std::int64_t present, double density, double share) {
  CountQuestion question;
  question.total = total;
  question.present = present;
  question.density = density;
  question.share = share;
  return question;
}

// ResNet-20 has 270,896 prunable weights; open_lth's levels 1 to 5, as its code leaves them.
TEST(Dialects, open_lth_removes_one_more) {
  std::int64_t left = 270896;
  for (const std::int64_t expected : {216715, 173371, 138695, 110955, 88763}) {
    left = find_dialect("open_lth").kept(round_of(270896, left, 0, 0.2));
    EXPECT_EQ(left, expected);
  }
}

// Of 90 weights and 10 ignored ones: ceil(0.2 * 100) + 1 go.
TEST(Dialects, open_lth_counts_ignored_layers) {
  CountQuestion question = round_of(90, 90, 0, 0.2);
  question.aside = 10;
  EXPECT_EQ(find_dialect("open_lth").kept(question), 69);
}

// 632 weights at 0.9: torch prunes round(568.8), Synaptic-Flow int(568.8).
TEST(Dialects, torch_rounds_and_synflow_truncates) {
  EXPECT_EQ(find_dialect("torch").kept(round_of(632, 632, 0.1, 0.9)), 632 - 569);
  EXPECT_EQ(find_dialect("synflow").kept(round_of(632, 632, 1 - 0.9, 0.9)), 632 - 568);
}

// 0.25 of 10 filters is 2, half of 9 blocks 4: halves go to the even neighbour.
TEST(Dialects, halves_go_to_the_even_neighbour) {
  EXPECT_EQ(find_dialect("torch").kept(round_of(10, 10, 0.75, 0.25)), 8);
  EXPECT_EQ(find_dialect("jaxpruner").kept(round_of(9, 9, 0.5, 0.5)), 4);
  EXPECT_EQ(find_dialect("jaxpruner").kept(round_of(9, 9, 0.01, 0.99)), 1);
  for (const auto& [value, rounded] :
       std::map<double, std::int64_t>{{0.5, 0}, {1.5, 2}, {2.5, 2}, {2.49, 2}, {2.51, 3}, {7, 7}}) {
    EXPECT_EQ(round_half_to_even(value), rounded) << value;
  }
}

// int(300 * 0.55) = int(165.00000000000003) of a row; by magnitude, one more than int(1000 * 0.5) of a layer.
TEST(Dialects, wanda_truncates_and_its_magnitude_takes_one_more) {
  EXPECT_EQ(find_dialect("wanda").kept(round_of(300, 300, 0.45, 0.55)), 300 - 165);
  EXPECT_EQ(find_dialect("wanda", "magnitude").kept(round_of(1000, 1000, 0.5, 0.5)), 499);
}

// Against its rule in full: numpy's linear quantile, then score >= threshold.
TEST(Dialects, shrinkbench_keeps_what_reaches_the_quantile) {
  std::mt19937 random(7);
  for (const std::int64_t total : {5, 11, 100, 101, 640}) {
    std::vector<double> scores(static_cast<std::size_t>(total));
    for (double& score : scores) score = std::uniform_real_distribution<>(0, 1)(random);
    std::ranges::sort(scores);
    for (const double fraction : {0.03, 0.25, 0.5, 0.77, 1.0}) {
      const double place = static_cast<double>(total - 1) * (1 - fraction);
      const auto below = static_cast<std::size_t>(place);
      const double above = scores[std::min(below + 1, scores.size() - 1)];
      const double threshold = scores[below] + (above - scores[below]) * (place - std::floor(place));
      const auto kept = std::ranges::count_if(scores, [&](double score) { return score >= threshold; });
      EXPECT_EQ(find_dialect("shrinkbench").kept(round_of(total, total, fraction, 0)), kept)
          << total << " " << fraction;
    }
  }
}

// Compression 4 of 1,000 parameters, 900 of them prunable: 250 stay, 100 of them whatever happens.
TEST(Dialects, shrinkbench_counts_all_parameters) {
  EXPECT_NEAR(density_of_prunable(1000, 900, 0.75), 150.0 / 900, 1e-15);
  EXPECT_LE(density_of_prunable(1000, 900, 0.95), 0);
}

// Counts that the peers' own code left of every case, by scheme.
TEST(Dialects, counts_agree_with_every_golden_mask) {
  int compared = 0;
  for (const char* name : {"mlp", "cnn", "resnet", "transformer"}) {
    const auto meta = golden_json(std::filesystem::path(name) / "meta.json");
    if (!meta) continue;
    const std::int64_t weights = meta->at("n_prunable");
    for (const auto& [scheme, counts] : meta->at("open_lth_kept_counts").items()) {
      std::int64_t left = weights;
      for (const auto& expected : counts) {
        left = find_dialect("open_lth").kept(round_of(weights, left, 0, 0.2));
        EXPECT_EQ(left, expected.get<std::int64_t>()) << name << scheme;
        ++compared;
      }
    }
    for (const auto& [key, mask] : meta->at("masks").items()) {
      const auto scheme_is = [&](const std::string& text) { return key.rfind(text + ".", 0) == 0; };
      const bool synflow = key.rfind("synflowrepo_", 0) == 0;
      if (!synflow && !scheme_is("global_magnitude")) continue;
      const std::int64_t total = mask.at("total");
      const double sparsity = std::stod(key.substr(key.find('.') + 1));
      const double density = 1 - sparsity;
      EXPECT_EQ(find_dialect(synflow ? "synflow" : "torch").kept(round_of(total, total, density, sparsity)),
                mask.at("kept").get<std::int64_t>())
          << name << key;
      ++compared;
    }
  }
  ESPALIER_NEEDS("golden", compared > 0, "no golden cases in " << golden_folder() << "; set ESPALIER_GOLDEN");
}

TEST(Dialects, each_names_the_allocations_and_schedules_it_knows) {
  std::vector<std::string> allocations = catalog_names(list_allocations());
  allocations.emplace_back("table");
  for (const CatalogEntry& entry : list_dialects()) {
    for (const CriterionEntry& criterion : list_criteria()) {
      const Dialect dialect = find_dialect(entry.name, criterion.name);
      EXPECT_THAT(dialect.allocations, AllOf(Not(IsEmpty()), Each(AnyOfArray(allocations)))) << entry.name;
      EXPECT_THAT(dialect.schedules, Each(AnyOfArray(catalog_names(list_schedules())))) << entry.name;
      EXPECT_THAT(dialect.schedules, Contains(default_name(list_schedules()))) << entry.name;
      const bool own = !dialect.default_allocation.empty();
      EXPECT_THAT(dialect.allocations,
                  Contains(own ? std::string(dialect.default_allocation) : default_name(list_allocations())))
          << entry.name;
    }
  }
}

}  // namespace
}  // namespace espalier
