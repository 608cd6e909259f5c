// Every key of golden/schedules.json, and numbers that were printed elsewhere.
#include "experiments/pruning/schedules/schedules.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>

#include <gmock/gmock.h>

#include "experiments/catalog/catalog.h"
#include "experiments/expand/gradual_steps.h"
#include "experiments/pruning/dialects/dialects.h"
#include "tests/experiments/golden_folder.h"
#include "tests/needs.h"

namespace espalier {
namespace {

using Json = nlohmann::json;

constexpr double kAgreed = 1e-12;

class GoldenSchedules : public testing::Test {
 protected:
  void SetUp() override {
    const auto file = golden_json("schedules.json");
    ESPALIER_NEEDS("golden", file, "no schedules.json in " << golden_folder() << "; set ESPALIER_GOLDEN");
    golden_ = *file;
  }
  const Json& parameters() const { return golden_.at("parameters"); }

  /// A schedule of ours on a way of T steps from s0 to sf.
  void expect_sparsities(const Json& entry, const std::string& schedule) {
    const double last = entry.at("t").back().get<double>();
    for (std::size_t i = 0; i < entry.at("t").size(); ++i) {
      const double progress = entry.at("t")[i].get<double>() / last;
      const double density = density_after(schedule, parameters().at("sf"), progress, parameters().at("s0"));
      EXPECT_NEAR(1 - density, entry.at("sparsity")[i].get<double>(), kAgreed) << i;
    }
  }

  /// As many rounds as densities, on the way to the final density.
  void expect_densities(const Json& entry, const std::string& schedule) {
    const double rounds = parameters().at("synflow_iterations");
    const double sparsity = 1 - parameters().at("synflow_final_density").get<double>();
    for (std::size_t i = 0; i < entry.at("density").size(); ++i) {
      const double density = density_after(schedule, sparsity, static_cast<double>(i + 1) / rounds);
      EXPECT_NEAR(density, entry.at("density")[i].get<double>(), kAgreed) << i;
    }
  }

  Json golden_;
};

TEST_F(GoldenSchedules, every_key_agrees_with_its_schedule) {
  const std::map<std::string, std::function<void(const Json&)>> checks = {
      {"parameters", [](const Json&) {}},
      {"cubic_zhu_gupta", [&](const Json& entry) { expect_sparsities(entry, "cubic"); }},
      {"cubic_nni_agp", [&](const Json& entry) { expect_sparsities(entry, "agp"); }},
      {"cubic_jaxpruner",
       [&](const Json& entry) {
         const std::int64_t start = entry.at("start"), end = entry.at("end");
         for (std::size_t i = 0; i < entry.at("step").size(); ++i) {
           const double progress = gradual_progress(start, end, entry.at("step")[i], find_dialect("jaxpruner"));
           EXPECT_NEAR(1 - density_after("cubic", parameters().at("sf"), progress),
                       entry.at("sparsity")[i].get<double>(), kAgreed)
               << i;
         }
       }},
      {"imp_geometric",
       [&](const Json& entry) {
         const double rate = parameters().at("imp_rate"), rounds = parameters().at("imp_rounds");
         const double sparsity = 1 - std::pow(1 - rate, rounds);
         for (std::size_t i = 0; i < entry.at("round").size(); ++i) {
           const double kept = density_after("iterative", sparsity, entry.at("round")[i].get<double>() / rounds);
           EXPECT_NEAR(kept, entry.at("remaining")[i].get<double>(), kAgreed) << i;
           EXPECT_NEAR(1 - kept, entry.at("sparsity")[i].get<double>(), kAgreed) << i;
         }
       }},
      {"imp_open_lth_counts",
       [&](const Json& entry) {
         std::int64_t left = parameters().at("N");
         for (std::size_t i = 0; i < entry.at("remaining").size(); ++i) {
           EXPECT_EQ(left, entry.at("remaining")[i].get<std::int64_t>()) << i;
           CountQuestion question;
           question.total = parameters().at("N");
           question.present = left;
           question.share = parameters().at("imp_rate");
           left = find_dialect("open_lth").kept(question);
         }
       }},
      {"synflow_exponential", [&](const Json& entry) { expect_densities(entry, "exponential"); }},
      {"synflow_linear", [&](const Json& entry) { expect_densities(entry, "linear"); }},
      {"synflow_mask_count", [&](const Json& entry) {
         const std::int64_t total = parameters().at("N");
         const double rounds = parameters().at("synflow_iterations");
         const double final_density = parameters().at("synflow_final_density");
         for (std::size_t i = 0; i < entry.at("pruned").size(); ++i) {
           CountQuestion question;
           question.total = total;
           question.density = std::pow(final_density, static_cast<double>(i + 1) / rounds);
           EXPECT_EQ(total - find_dialect("synflow").kept(question), entry.at("pruned")[i].get<std::int64_t>()) << i;
         }
       }}};
  for (const auto& [key, entry] : golden_.items()) {
    SCOPED_TRACE(key);
    const auto check = checks.find(key);
    if (check == checks.end()) {
      ADD_FAILURE() << "no schedule here answers to this key";
    } else {
      check->second(entry);
    }
  }
}

std::vector<double> densities(const std::string& schedule, double sparsity, int rounds) {
  std::vector<double> made;
  for (int round = 1; round <= rounds; ++round) made.push_back(density_after(schedule, sparsity, 1.0 * round / rounds));
  return made;
}

std::vector<double> one_minus(std::vector<double> values) {
  for (double& value : values) value = 1 - value;
  return values;
}

auto near(const std::vector<double>& values, double printed = 5.1e-7) {
  std::vector<testing::Matcher<double>> matchers;
  for (const double value : values) matchers.push_back(testing::DoubleNear(value, printed));
  return testing::ElementsAreArray(matchers);
}

// Synaptic-Flow's exponential and linear schedules for density 0.1 in 5 rounds; NNI's lottery for 0.8, its AGP for 0.9.
TEST(Schedules, known_answers) {
  EXPECT_THAT(densities("exponential", 0.9, 5), near({.630957, .398107, .251189, .158489, .1}));
  EXPECT_THAT(densities("linear", 0.9, 5), near({.82, .64, .46, .28, .1}));
  EXPECT_THAT(one_minus(densities("iterative", 0.8, 5)), near({.27522, .474694, .619269, .724054, .8}));
  EXPECT_THAT(one_minus(densities("agp", 0.9, 5)), near({.4392, .7056, .8424, .8928, .9}));
}

// JaxPruner's cubic from 0 to 100, and torch.ao's, which is not a step ahead.
TEST(Schedules, one_dialect_is_a_step_ahead) {
  const auto sparsity_at = [](std::int64_t step, const std::optional<Dialect>& dialect) {
    return 1 - density_after("cubic", 0.9, gradual_progress(0, 100, step, dialect));
  };
  const std::vector<std::int64_t> steps = {0, 9, 24, 49, 99};
  const std::vector<double> ahead = {.026731, .2439, .520313, .7875, .9},
                            plain = {0, .221786, .504922, .780614, .899999};
  for (std::size_t i = 0; i < steps.size(); ++i) {
    EXPECT_NEAR(sparsity_at(steps[i], find_dialect("jaxpruner")), ahead[i], 5.1e-7);
    EXPECT_NEAR(sparsity_at(steps[i], std::nullopt), plain[i], 5.1e-7);
  }
}

TEST(Schedules, all_end_at_the_target_and_never_turn_back) {
  for (const CatalogEntry& entry : list_schedules()) {
    for (const double initial : {0.0, 0.2}) {
      double before = 1;
      for (int round = 1; round <= 40; ++round) {
        const double density = density_after(entry.name, 0.83, round / 40.0, initial);
        EXPECT_LE(density, before + 1e-15) << entry.name;
        before = density;
      }
      EXPECT_NEAR(before, 0.17, 1e-15) << entry.name;
    }
  }
}

// s_0 = 0.3 on the way to 0.9, half way: 0.9 - 0.6 / 8; AGP's initial 0.3 is 0.27 of all: 0.9 (1 - 0.7 / 8).
TEST(Schedules, an_initial_sparsity_is_of_all_or_of_the_final_one) {
  EXPECT_NEAR(density_after("cubic", 0.9, 0.5, 0.3), 1 - 0.825, 1e-15);
  EXPECT_NEAR(density_after("agp", 0.9, 0.5, 0.3), 1 - 0.9 * 0.9125, 1e-15);
  EXPECT_NEAR(density_after("linear", 0.9, 0.5, 0.3), 0.4, 1e-15);
}

}  // namespace
}  // namespace espalier
