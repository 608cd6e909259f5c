#include "experiments/pruning/allocations/allocations.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <gmock/gmock.h>

#include "experiments/catalog/catalog.h"
#include "experiments/expand/kept_counts.h"
#include "tests/experiments/golden_folder.h"
#include "tests/needs.h"

namespace espalier {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;

constexpr double kPrinted = 5.1e-7;  // six decimals

std::vector<AllocationScope> scopes_of(const std::vector<std::vector<std::int64_t>>& shapes) {
  std::vector<AllocationScope> scopes;
  for (const auto& shape : shapes) {
    const std::int64_t units = std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
    scopes.push_back({"layer" + std::to_string(scopes.size()), units, shape});
  }
  return scopes;
}

/// As JaxPruner counts its budget: rounded down layer by layer.
double floored_budget(const std::vector<AllocationScope>& scopes, double sparsity) {
  double kept = 0;
  for (const AllocationScope& scope : scopes) {
    kept += static_cast<double>(scope.units) - std::floor(sparsity * static_cast<double>(scope.units));
  }
  return kept;
}

std::vector<double> erk_sparsities(const std::vector<std::vector<std::int64_t>>& shapes, double sparsity) {
  const std::vector<AllocationScope> scopes = scopes_of(shapes);
  std::vector<double> densities = find_allocation("erk").densities(scopes, floored_budget(scopes, sparsity));
  for (double& density : densities) density = 1 - density;
  return densities;
}

const std::vector<std::vector<std::int64_t>> kLeNet = {{300, 784}, {100, 300}, {10, 100}};
const std::vector<std::vector<std::int64_t>> kConv = {{16, 3, 3, 3}, {32, 16, 3, 3}, {64, 32, 3, 3}, {10, 64}};

// Made by JaxPruner's get_sparsities_erdos_renyi.
TEST(Allocations, erk_known_answers) {
  const auto near = [](double value) { return DoubleNear(value, kPrinted); };
  EXPECT_THAT(erk_sparsities(kLeNet, 0.9), ElementsAre(near(.920432), near(.769811), near(0)));
  EXPECT_THAT(erk_sparsities(kLeNet, 0.95), ElementsAre(near(.961516), near(.888666), near(.081493)));
  EXPECT_THAT(erk_sparsities(kLeNet, 0.5), ElementsAre(near(.565901), near(0), near(0)));
  EXPECT_THAT(erk_sparsities(kConv, 0.9), ElementsAre(near(.433126), near(.885208), near(.945793), near(0)));
  EXPECT_THAT(erk_sparsities(kConv, 0.8), ElementsAre(near(0), near(.718149), near(.866904), near(0)));
}

// 22 tensors, 270,896 weights; epsilon 16.99345121, so the stem keeps 1 - .016583.
TEST(Allocations, erk_known_answers_of_a_residual_network) {
  std::vector<std::vector<std::int64_t>> shapes = {{16, 3, 3, 3}};
  const auto stage = [&](std::int64_t in, std::int64_t out) {
    shapes.push_back({out, in, 3, 3});
    for (int i = 0; i < 5; ++i) shapes.push_back({out, out, 3, 3});
    if (in != out) shapes.push_back({out, in, 1, 1});
  };
  stage(16, 16);
  stage(16, 32);
  stage(32, 64);
  shapes.push_back({10, 64});
  const std::vector<double> sparsities = erk_sparsities(shapes, 0.9);
  ASSERT_EQ(sparsities.size(), 22U);
  EXPECT_NEAR(sparsities[0], .016583, kPrinted);
  EXPECT_NEAR(sparsities[1], .719726, kPrinted);
  EXPECT_NEAR(sparsities[8], .870926, kPrinted);
  EXPECT_NEAR(sparsities[13], 0, kPrinted);  // shortcut 16 -> 32
  EXPECT_NEAR(sparsities[15], .938229, kPrinted);
  EXPECT_NEAR(sparsities[20], .186837, kPrinted);  // shortcut 32 -> 64
  EXPECT_NEAR(sparsities[21], 0, kPrinted);
}

TEST(Allocations, erk_agrees_with_every_golden_case) {
  int compared = 0;
  for (const char* name : {"mlp", "cnn", "resnet", "transformer"}) {
    const auto meta = golden_json(std::filesystem::path(name) / "meta.json");
    if (!meta) continue;
    std::vector<std::vector<std::int64_t>> shapes;
    for (const auto& parameter : meta->at("prunable")) {
      shapes.push_back(meta->at("param_shapes").at(parameter.get<std::string>()).get<std::vector<std::int64_t>>());
    }
    const std::vector<AllocationScope> scopes = scopes_of(shapes);
    for (const auto& [sparsity, by_whom] : meta->at("erk").items()) {
      const auto densities = find_allocation("erk").densities(scopes, floored_budget(scopes, std::stod(sparsity)));
      for (std::size_t i = 0; i < scopes.size(); ++i) {
        const std::string parameter = meta->at("prunable")[i];
        EXPECT_NEAR(densities[i], by_whom.at("jaxpruner").at(parameter).get<double>(), 1e-9) << name << parameter;
        // The other repository rounds survivors to integers layer by layer on its way.
        const auto units = static_cast<double>(scopes[i].units);
        EXPECT_NEAR(densities[i], by_whom.at("lamp_repo").at(parameter).get<double>(), 4 / units) << name << parameter;
        ++compared;
      }
    }
  }
  ESPALIER_NEEDS("golden", compared > 0, "no golden cases in " << golden_folder() << "; set ESPALIER_GOLDEN");
}

// Kernels do not count: 3x3 of 4 -> 2 channels has the affinity 6/8 of its [2, 4].
TEST(Allocations, er_looks_at_channels_alone) {
  const std::vector<AllocationScope> scopes = scopes_of({{2, 4, 3, 3}, {8, 8}});
  const auto densities = find_allocation("er").densities(scopes, 34);
  EXPECT_NEAR(densities[0] / densities[1], (6.0 / 8) / (16.0 / 64), 1e-12);
  EXPECT_NEAR(72 * densities[0] + 64 * densities[1], 34, 1e-12);
}

TEST(Allocations, densities_hold_their_budget_and_are_shares) {
  for (const char* name : {"uniform", "per_row", "erk", "er"}) {
    for (const auto& shapes : {kLeNet, kConv}) {
      const std::vector<AllocationScope> scopes = scopes_of(shapes);
      double all = 0;
      for (const AllocationScope& scope : scopes) all += static_cast<double>(scope.units);
      for (const double share : {1.0, 0.7, 0.1, 0.003}) {
        const auto densities = find_allocation(name).densities(scopes, share * all);
        double kept = 0;
        for (std::size_t i = 0; i < scopes.size(); ++i) {
          EXPECT_GE(densities[i], 0) << name;
          EXPECT_LE(densities[i], 1 + 1e-12) << name;
          kept += densities[i] * static_cast<double>(scopes[i].units);
        }
        EXPECT_NEAR(kept, share * all, 1e-9 * all) << name;
      }
    }
  }
}

TEST(Allocations, one_rankings_have_no_counts_of_layers) {
  using enum AllocationProperty;
  for (const Variant<AllocationProperty>& one : list_allocations()) {
    EXPECT_EQ(find_allocation(one.name).densities == nullptr, has(one.properties, one_ranking | by_curves)) << one.name;
  }
  EXPECT_EQ(find_allocation("lamp").ranking, "lamp");
  EXPECT_EQ(find_allocation("per_row").ranking, "per_row");
}

std::vector<std::int64_t> shared_out(const std::vector<double>& quotas, std::int64_t total,
                                     std::vector<std::int64_t> least, std::vector<std::int64_t> most) {
  return apportion(quotas, total, least, most);
}

// Floors 1, 2, 3; the one that is missing goes to the remainder .7.
TEST(Apportion, the_largest_remainders_get_what_is_missing) {
  EXPECT_THAT(shared_out({1.2, 2.7, 3.1}, 7, {0, 0, 0}, {9, 9, 9}), ElementsAre(1, 3, 3));
  EXPECT_THAT(shared_out({0.5, 0.5, 0.5, 0.5}, 2, {0, 0, 0, 0}, {9, 9, 9, 9}), ElementsAre(1, 1, 0, 0));
}

// At most 10 of the first: its 20 go to the others in proportion 1 : 2.
TEST(Apportion, what_a_bound_takes_is_redistributed) {
  EXPECT_THAT(shared_out({30, 10, 20}, 60, {0, 0, 0}, {10, 99, 99}), ElementsAre(10, 17, 33));
  EXPECT_THAT(shared_out({30, 10, 20}, 60, {0, 20, 0}, {99, 99, 99}), ElementsAre(24, 20, 16));
}

TEST(Apportion, totals_and_bounds_hold_whatever_the_quotas) {
  const std::vector<std::int64_t> least = {0, 3, 1, 0}, most = {5, 40, 1, 1000};
  for (std::int64_t total = 4; total <= 1046; total += 7) {
    for (const auto& quotas : {std::vector<double>{0, 0, 0, 0}, {1e-3, 5e4, 2, 7}, {9, 9, 9, 9}, {0, 1, 0, 0}}) {
      const auto counts = shared_out(quotas, total, least, most);
      EXPECT_EQ(std::accumulate(counts.begin(), counts.end(), std::int64_t{0}), total);
      for (std::size_t i = 0; i < counts.size(); ++i) {
        EXPECT_GE(counts[i], least[i]);
        EXPECT_LE(counts[i], most[i]);
      }
    }
  }
}

}  // namespace
}  // namespace espalier
