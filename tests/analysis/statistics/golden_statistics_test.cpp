#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "analysis/statistics/bootstrap.h"
#include "analysis/statistics/corrections.h"
#include "analysis/statistics/effect_sizes.h"
#include "analysis/statistics/friedman.h"
#include "analysis/statistics/paired_tests.h"
#include "analysis/statistics/proportions.h"
#include "analysis/statistics/rank_correlation.h"
#include "analysis/statistics/sequential.h"
#include "analysis/statistics/statistics.h"
#include "experiments/formats/safetensors.h"
#include "tests/needs.h"

// Every number of the case, against values of R and SciPy. A key that nothing is known about fails.

namespace espalier {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

std::string bytes_in(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

class StatisticsCase {
 public:
  explicit StatisticsCase(const fs::path& folder) : meta_(Json::parse(bytes_in(folder / "meta.json"))) {
    for (const auto& [name, values] : meta_.at("values").items()) {
      if (!values.is_object()) unread_.insert(name);
      if (values.is_object())
        for (const auto& [key, value] : values.items()) unread_.insert(name + "/" + key);
    }
  }
  std::vector<double> numbers(const std::string& key) const {
    return meta_.at("data").at(key).get<std::vector<double>>();
  }
  const Json& data(const std::string& key) const { return meta_.at("data").at(key); }
  const Json& values() const { return meta_.at("values"); }

  void expect(const std::string& name, const std::string& key, double ours, double tolerance = 1e-9) {
    unread_.erase(name + "/" + key);
    near(ours, values().at(name).at(key).get<double>(), tolerance, name + " " + key);
  }
  void expect(const std::string& name, const std::string& key, const std::vector<double>& ours,
              double tolerance = 1e-9) {
    unread_.erase(name + "/" + key);
    const auto golden = values().at(name).at(key).get<std::vector<double>>();
    ASSERT_EQ(ours.size(), golden.size()) << name << " " << key;
    for (std::size_t i = 0; i < ours.size(); ++i) near(ours[i], golden[i], tolerance, name + " " + key);
  }
  /// Given, not computed.
  void given(const std::string& key) { unread_.erase(key); }
  static void near(double ours, double golden, double tolerance, const std::string& what) {
    EXPECT_NEAR(ours, golden, tolerance * std::max(1.0, std::abs(golden))) << what;
  }
  const std::set<std::string>& unread() const { return unread_; }

 private:
  Json meta_;
  std::set<std::string> unread_;
};

void expect_paired_tests(StatisticsCase& golden) {
  std::vector<double> differences = golden.numbers("accuracy_a");
  const std::vector<double> other = golden.numbers("accuracy_b");
  for (std::size_t i = 0; i < other.size(); ++i) differences[i] -= other[i];
  const TTest t = t_test(differences);
  golden.expect("paired_t", "mean", t.mean);
  golden.expect("paired_t", "sd", t.sd);
  golden.expect("paired_t", "t", t.t);
  golden.expect("paired_t", "df", t.degrees);
  golden.expect("paired_t", "p_two_sided", t.p.two_sided);
  golden.expect("paired_t", "p_greater", t.p.greater);
  golden.expect("paired_t", "p_less", t.p.less);
  golden.expect("paired_t", "ci95", {t.low, t.high});
  const MeanEstimate estimate = estimate_mean(differences);
  EXPECT_NEAR(*estimate.p_value, t.p.two_sided, 1e-12);
  EXPECT_NEAR(*estimate.low, t.low, 1e-12);

  const double margin = golden.values().at("tost_paired").at("margin");
  golden.given("tost_paired/margin");
  const EquivalenceTest equal = equivalence_test(differences, margin);
  golden.expect("tost_paired", "t_lower", equal.t_lower);
  golden.expect("tost_paired", "t_upper", equal.t_upper);
  golden.expect("tost_paired", "p_lower", equal.p_lower);
  golden.expect("tost_paired", "p_upper", equal.p_upper);
  golden.expect("tost_paired", "p", equal.p);
  golden.expect("tost_paired", "ci90", {equal.low, equal.high});
  EXPECT_EQ(equal.p<0.05, equal.low> - margin && equal.high < margin);

  const EffectSize paired = paired_effect_size(differences);
  golden.expect("effect", "paired_d_z", paired.cohen_d);
  golden.expect("effect", "paired_g_z", paired.hedges_g);
}

void expect_rank_tests(StatisticsCase& golden) {
  const SignedRankTest exact = signed_rank_test(golden.numbers("differences_no_ties"));
  golden.expect("wilcoxon_exact", "w_plus", exact.plus);
  golden.expect("wilcoxon_exact", "w_minus", exact.minus);
  golden.expect("wilcoxon_exact", "p_greater", exact.exact.greater);
  golden.expect("wilcoxon_exact", "p_less", exact.exact.less);
  golden.expect("wilcoxon_exact", "p_two_sided", exact.exact.two_sided);
  const std::vector<double> differences = golden.numbers("differences_ties");
  const SignedRankTest ties = signed_rank_test(differences);
  golden.expect("wilcoxon_ties", "n_nonzero", static_cast<double>(ties.count));
  golden.expect("wilcoxon_ties", "zeros", static_cast<double>(ties.zeros));
  golden.expect("wilcoxon_ties", "w_plus", ties.plus);
  golden.expect("wilcoxon_ties", "w_minus", ties.minus);
  golden.expect("wilcoxon_ties", "variance", ties.variance);
  golden.expect("wilcoxon_ties", "z", ties.z);
  golden.expect("wilcoxon_ties", "p_normal", ties.p_normal);
  golden.expect("wilcoxon_ties", "z_corrected", ties.z_corrected);
  golden.expect("wilcoxon_ties", "p_normal_corrected", ties.p_normal_corrected);
  golden.expect("wilcoxon_ties", "p_permutation_greater", ties.exact.greater);
  golden.expect("wilcoxon_ties", "p_permutation_less", ties.exact.less);
  golden.expect("wilcoxon_ties", "p_permutation_two_sided", ties.exact.two_sided);
  const SignTest signs = sign_test(differences);
  golden.expect("sign_test", "positive", static_cast<double>(signs.positive));
  golden.expect("sign_test", "negative", static_cast<double>(signs.negative));
  golden.expect("sign_test", "p_two_sided", signs.p.two_sided);
  golden.expect("sign_test", "p_greater", signs.p.greater);
}

void expect_corrections(StatisticsCase& golden) {
  const std::vector<double> p_values = golden.numbers("p_values");
  golden.expect("adjusted", "bonferroni", correct_by_bonferroni(p_values));
  golden.expect("adjusted", "benjamini_hochberg", correct_by_benjamini_hochberg(p_values));
  golden.expect("adjusted", "benjamini_yekutieli", correct_by_benjamini_yekutieli(p_values));
  std::vector<double> holm;
  for (const auto& p : correct_by_holm({p_values.begin(), p_values.end()})) holm.push_back(*p);
  golden.expect("adjusted", "holm", holm);
}

void expect_bootstrap(StatisticsCase& golden, const fs::path& folder) {
  const auto resamples = golden.data("bootstrap_indices").get<std::vector<std::vector<std::int64_t>>>();
  const std::string bytes = bytes_in(folder / "tensors.safetensors");
  const Safetensors tensors = parse_safetensors(bytes, "statistics");
  for (const TensorBytes& tensor : tensors.tensors) {
    ASSERT_EQ(tensor.name, "bootstrap.indices") << "nothing is known about it";
    std::string same;
    for (const auto& places : resamples)
      same.append(reinterpret_cast<const char*>(places.data()), places.size() * sizeof(std::int64_t));
    EXPECT_EQ(tensor.bytes, same);
  }
  std::vector<double> differences = golden.numbers("accuracy_a");
  const std::vector<double> other = golden.numbers("accuracy_b");
  for (std::size_t i = 0; i < other.size(); ++i) differences[i] -= other[i];
  for (const auto& [name, statistic] :
       {std::pair<std::string, Statistic>{"bootstrap.mean", mean_of}, {"bootstrap.median", median_of}}) {
    const Bootstrap found = bootstrap(differences, statistic, resamples);
    golden.expect(name, "estimate", found.estimate);
    golden.expect(name, "standard_error", found.standard_error);
    golden.expect(name, "percentile95", {found.percentile.low, found.percentile.high});
    golden.expect(name, "basic95", {found.basic.low, found.basic.high});
    golden.expect(name, "z0", found.z0);
    golden.expect(name, "acceleration", found.acceleration);
    golden.expect(name, "bca_levels", {found.bca_levels.low, found.bca_levels.high});
    golden.expect(name, "bca95", {found.bca.low, found.bca.high});
  }
}

void expect_groups(StatisticsCase& golden) {
  const std::vector<double> x = golden.numbers("group_x"), y = golden.numbers("group_y");
  const EffectSize effect = effect_size(x, y);
  golden.expect("effect", "cohen_d", effect.cohen_d);
  golden.expect("effect", "correction_exact", effect.correction);
  golden.expect("effect", "hedges_g", effect.hedges_g);
  const double approximate = approximate_correction(static_cast<double>(x.size() + y.size() - 2));
  golden.expect("effect", "correction_approximate", approximate);
  golden.expect("effect", "hedges_g_approximate", effect.cohen_d * approximate);
  const WelchTest welch = welch_test(x, y);
  golden.expect("effect", "welch_t", welch.t);
  golden.expect("effect", "welch_p", welch.p);

  const std::vector<double> rank_x = golden.numbers("rank_x"), rank_y = golden.numbers("rank_y");
  const RankCorrelation ranks = rank_correlation(rank_x, rank_y);
  golden.expect("rank_correlation", "spearman", ranks.spearman);
  golden.expect("rank_correlation", "spearman_p_t", ranks.spearman_p);
  golden.expect("rank_correlation", "kendall_tau_b", ranks.kendall);
  golden.expect("rank_correlation", "kendall_p_normal", ranks.kendall_p);
  golden.expect("rank_correlation", "concordant", static_cast<double>(ranks.concordant));
  golden.expect("rank_correlation", "discordant", static_cast<double>(ranks.discordant));
  golden.expect("rank_correlation", "tied_x", static_cast<double>(ranks.tied_x));
  golden.expect("rank_correlation", "tied_y", static_cast<double>(ranks.tied_y));
  golden.expect("rank_correlation", "pairs", static_cast<double>(rank_x.size() * (rank_x.size() - 1) / 2));
}

void expect_methods(StatisticsCase& golden) {
  const auto scores = golden.data("friedman").get<std::vector<std::vector<double>>>();
  const std::size_t methods = scores.front().size(), datasets = scores.size();
  const FriedmanTest test = friedman_test(scores);
  golden.expect("friedman", "average_ranks", test.average_ranks);
  golden.expect("friedman", "chi2", test.chi2);
  golden.expect("friedman", "p", test.p);
  golden.expect("friedman", "chi2_without_tie_correction", test.chi2_uncorrected);
  golden.expect("friedman", "iman_davenport_F", test.iman_davenport);
  golden.expect("friedman", "iman_davenport_p", test.iman_davenport_p);
  golden.expect("friedman", "q_05", nemenyi_quantile(methods, 0.05), 1e-6);
  golden.expect("friedman", "q_10", nemenyi_quantile(methods, 0.10), 1e-6);
  golden.expect("friedman", "critical_difference_05", critical_difference(methods, datasets, 0.05), 1e-6);
  golden.expect("friedman", "critical_difference_10", critical_difference(methods, datasets, 0.10), 1e-6);
  for (const auto& [count, quantiles] : golden.values().at("nemenyi_q").items()) {
    golden.expect("nemenyi_q", count,
                  {nemenyi_quantile(std::stoul(count), 0.05), nemenyi_quantile(std::stoul(count), 0.10)}, 1e-6);
  }
  golden.given("proportions");
  for (const Json& row : golden.values().at("proportions")) {
    const auto [low, high] = clopper_pearson(row.at(0), row.at(1));
    const auto [score_low, score_high] = wilson(row.at(0), row.at(1));
    int column = 2;
    for (const double ours : {low, high, score_low, score_high})
      StatisticsCase::near(ours, row.at(static_cast<std::size_t>(column++)).get<double>(), 1e-9, "proportions");
  }
}

void expect_sequential(StatisticsCase& golden) {
  const std::vector<std::pair<std::string, Spending>> spendings{
      {".obrien_fleming_spending", obrien_fleming_spending},
      {".obrien_fleming_per_side_spending", obrien_fleming_per_side_spending},
      {".pocock_spending", pocock_spending}};
  for (const auto& [name, values] : golden.values().items()) {
    if (!name.starts_with("sequential.") || name.ends_with(".classical")) continue;
    for (const auto& [ending, spending] : spendings) {
      if (!name.ends_with(ending)) continue;
      const double alpha = values.at("alpha");
      const auto information = values.at("information").get<std::vector<double>>();
      golden.given(name + "/alpha");
      golden.given(name + "/information");
      std::vector<double> spent, nominal;
      const std::vector<double> boundaries = sequential_boundaries(information, alpha, spending);
      for (const double t : information) spent.push_back(spending(alpha, t));
      for (const double z : boundaries) nominal.push_back(std::erfc(z / std::sqrt(2.0)));
      golden.expect(name, "cumulative_alpha", spent);
      golden.expect(name, "z", boundaries, 1e-6);
      golden.expect(name, "nominal_p", nominal, 1e-6);
      EXPECT_NEAR(crossing_probability(information, boundaries), spent.back(), 1e-9) << name;
    }
  }
  const Json& classical = golden.values().at("sequential.classical");
  const int looks = classical.at("looks");
  const double alpha = classical.at("alpha"), constant = obrien_fleming_constant(looks, alpha);
  golden.given("sequential.classical/looks");
  golden.given("sequential.classical/alpha");
  golden.expect("sequential.classical", "obrien_fleming_constant", constant, 1e-6);
  golden.expect("sequential.classical", "pocock_constant", pocock_constant(looks, alpha), 1e-6);
  std::vector<double> boundaries;
  for (int look = 1; look <= looks; ++look)
    boundaries.push_back(constant / std::sqrt(static_cast<double>(look) / looks));
  golden.expect("sequential.classical", "obrien_fleming_z", boundaries, 1e-6);
}

TEST(Golden2, statistics) {
  const fs::path folder = folder_named_by("ESPALIER_GOLDEN2", ESPALIER_GOLDEN2_DEFAULT) / "statistics";
  ESPALIER_NEEDS("golden", fs::is_directory(folder), "no golden vectors in " << folder << "; set ESPALIER_GOLDEN2");
  StatisticsCase golden(folder);
  expect_paired_tests(golden);
  expect_rank_tests(golden);
  expect_corrections(golden);
  expect_bootstrap(golden, folder);
  expect_groups(golden);
  expect_methods(golden);
  expect_sequential(golden);
  for (const std::string& key : golden.unread()) ADD_FAILURE() << "nothing is known about " << key;
}

}  // namespace
}  // namespace espalier
