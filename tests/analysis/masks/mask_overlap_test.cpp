#include "analysis/masks/mask_overlap.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "analysis/masks/mask_reports.h"
#include "analysis/masks/sweep_overlaps.h"
#include "base/error.h"
#include "base/random.h"

namespace espalier {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;

PackedMask mask_of(const std::map<std::string, std::string>& layers) {
  Safetensors file;
  for (const auto& [name, bytes] : layers)
    file.tensors.push_back({name, TensorType::u8, {1, static_cast<std::int64_t>(bytes.size())}, bytes});
  return pack_mask(file);
}

std::string bytes(std::initializer_list<int> values) {
  std::string result;
  for (const int value : values) result += static_cast<char>(value);
  return result;
}

TEST(MaskOverlap, ByHand) {
  const PackedMask a = mask_of({{"fc1.weight", bytes({1, 1, 1, 0})}, {"fc2.weight", bytes({1, 0})}});
  const PackedMask b = mask_of({{"fc1.weight", bytes({0, 1, 1, 0})}, {"fc2.weight", bytes({0, 1})}});
  const MaskOverlap overlap = compare_masks(a, b);
  EXPECT_EQ(overlap.kept_a, 4);
  EXPECT_EQ(overlap.kept_b, 3);
  EXPECT_EQ(overlap.kept_both, 2);
  EXPECT_DOUBLE_EQ(*overlap.jaccard, 2.0 / 5);
  // By chance both keep 3 * 2 / 4 + 1 * 1 / 2 = 2 weights, so either 4 + 3 - 2 = 5.
  EXPECT_DOUBLE_EQ(*overlap.chance, 2.0 / 5);
  EXPECT_DOUBLE_EQ(*overlap.corrected, 0);
}

TEST(MaskOverlap, EqualMasksAreOneAndDisjointOnesBelowChance) {
  const PackedMask a = mask_of({{"fc1.weight", bytes({1, 1, 0, 0})}});
  const PackedMask b = mask_of({{"fc1.weight", bytes({0, 0, 1, 1})}});
  EXPECT_EQ(*compare_masks(a, a).jaccard, 1);
  EXPECT_EQ(*compare_masks(a, a).corrected, 1);
  EXPECT_EQ(*compare_masks(a, b).jaccard, 0);
  EXPECT_DOUBLE_EQ(*compare_masks(a, b).corrected, (0 - 1.0 / 3) / (1 - 1.0 / 3));
}

TEST(MaskOverlap, NothingKeptAndNothingRemovedHaveNoAnswer) {
  const PackedMask empty = mask_of({{"fc1.weight", bytes({0, 0})}});
  const PackedMask full = mask_of({{"fc1.weight", bytes({1, 1})}});
  EXPECT_FALSE(compare_masks(empty, empty).jaccard);
  EXPECT_EQ(*compare_masks(full, full).jaccard, 1);
  EXPECT_FALSE(compare_masks(full, full).corrected);
}

TEST(MaskOverlap, RandomMasksAreAsAlikeAsChanceSays) {
  const auto random_mask = [](std::uint64_t seed) {
    std::map<std::string, std::string> layers;
    for (const auto& [name, weights, kept] : {std::tuple("a.weight", 20000, 1000), {"b.weight", 5000, 4000}}) {
      std::vector<char> layer(static_cast<std::size_t>(weights), 0);
      std::fill_n(layer.begin(), kept, 1);
      RandomStream(seed, name).shuffle(layer);
      layers[name] = std::string(layer.begin(), layer.end());
    }
    return mask_of(layers);
  };
  double corrected = 0;
  for (std::uint64_t pair = 0; pair < 20; ++pair) {
    const MaskOverlap overlap = compare_masks(random_mask(2 * pair), random_mask(2 * pair + 1));
    EXPECT_NEAR(*overlap.jaccard, *overlap.chance, 0.02);
    corrected += *overlap.corrected / 20;
  }
  EXPECT_NEAR(corrected, 0, 0.005);  // though the layers' densities alone make a Jaccard of almost one half
}

TEST(MaskOverlap, WhatIsNoMaskOfAWeightIsLeftOut) {
  Safetensors file;
  const std::string one = bytes({1, 0}), floats(8, '\0');
  file.tensors = {{"fc1.weight", TensorType::f32, {1, 2}, floats},
                  {"fc1.weight.mask", TensorType::u8, {1, 2}, one},
                  {"bn1.weight.mask", TensorType::u8, {2}, one}};
  const PackedMask mask = pack_mask(file);
  ASSERT_THAT(mask.layers, SizeIs(1));
  EXPECT_EQ(mask.layers[0].parameter, "fc1.weight");
  EXPECT_EQ(mask.layers[0].kept, 1);
  file.tensors.resize(1);
  EXPECT_THROW(pack_mask(file), Error);
  EXPECT_THROW(compare_masks(mask, mask_of({{"fc2.weight", one}})), Error);
}

TrialMasksRow trial(const std::string& method, std::uint64_t seed, const std::string& masks, double sparsity = 0.5) {
  TrialMasksRow row;
  row.trial = method + std::to_string(seed);
  row.method = row.criterion = method;
  row.allocation = "global";
  row.schedule = "one_shot";
  row.control = "none";
  row.granularity = "weight";
  row.model = "lenet";
  row.dataset = "mnist";
  row.seed = seed;
  row.sparsity_target = sparsity;
  row.masks_key = masks;
  return row;
}

std::optional<PackedMask> known_masks(const std::string& key) {
  if (key == "lost") return std::nullopt;
  return mask_of({{"fc1.weight", key == "x" ? bytes({1, 1, 0, 0}) : bytes({0, 1, 1, 0})}});
}

TEST(SweepOverlaps, PairsMethodsOfASeedAndSeedsOfAMethod) {
  TrialMasksRow tuned = trial("magnitude", 0, "x");
  tuned.trial = "tuned";
  tuned.retrain = "finetune 2ep";  // the same masks as magnitude's: no pair of its own
  const std::vector<TrialMasksRow> trials{trial("magnitude", 0, "x"), tuned,
                                          trial("magnitude", 1, "y"), trial("random", 0, "z"),
                                          trial("random", 1, "lost"), trial("magnitude", 0, "w", 0.9)};
  const std::vector<MaskOverlapRow> rows = compute_mask_overlaps("s", trials, known_masks);
  ASSERT_THAT(rows, SizeIs(2));
  EXPECT_EQ(rows[0].pairing + rows[0].a.trial + rows[0].b.trial, "seedmagnitude0magnitude1");
  EXPECT_EQ(rows[1].pairing + rows[1].a.trial + rows[1].b.trial, "methodmagnitude0random0");
  EXPECT_DOUBLE_EQ(*rows[1].jaccard, 1.0 / 3);
  const std::string table = render_overlaps(rows, "method", false);
  EXPECT_THAT(table, AllOf(HasSubstr("lenet on mnist, 50 %"), HasSubstr("magnitude global  random global")));
  EXPECT_THAT(table, AllOf(HasSubstr("0.333"), Not(HasSubstr("seed"))));
  EXPECT_THAT(nlohmann::json::parse(render_overlaps(rows, "seed", true)), SizeIs(1));
  EXPECT_THAT(render_overlaps({}, "seed", false), HasSubstr("No two seeds"));
}

TEST(MaskReports, ProfilesAreMeansOverSeeds) {
  LayerDensityRow row;
  row.model = "lenet";
  row.dataset = "mnist";
  row.method = "magnitude";
  row.granularity = "weight";
  row.control = "none";
  row.allocation = "global";
  row.schedule = "one_shot";
  row.sparsity_target = 0.9;
  row.layer = "fc1";
  row.total = 1000;
  row.kept = 100;
  LayerDensityRow other = row;
  other.kept = 300;
  EXPECT_THAT(render_layer_densities({row, other}, false),
              AllOf(HasSubstr("lenet on mnist, 90 %"), HasSubstr("fc1 (1,000)"), HasSubstr("20.00")));
  EXPECT_EQ(nlohmann::json::parse(render_layer_densities({row}, true))[0]["kept"], 100);
}

TEST(MaskReports, DensitiesOfDifferentUnitsOrRetrainingsAreColumnsOfTheirOwn) {
  LayerDensityRow weights;
  weights.model = "lenet";
  weights.dataset = "mnist";
  weights.method = "magnitude";
  weights.granularity = "weight";
  weights.control = "none";
  weights.allocation = "global";
  weights.schedule = "one_shot";
  weights.retrain = "none";
  weights.sparsity_target = 0.9;
  weights.layer = "fc1";
  weights.total = 1000;
  weights.kept = 100;
  LayerDensityRow rows = weights;
  rows.granularity = "row l1";
  rows.kept = 300;
  const std::string by_unit = render_layer_densities({weights, rows}, false);
  EXPECT_THAT(by_unit, AllOf(HasSubstr("magnitude global  magnitude global by row l1\n"), HasSubstr("10.00"),
                             HasSubstr("30.00"), Not(HasSubstr("20.00")), Not(HasSubstr("none"))));
  LayerDensityRow tuned = weights;
  tuned.retrain = "finetune 2ep";
  tuned.kept = 500;
  const std::string by_retrain = render_layer_densities({weights, tuned}, false);
  EXPECT_THAT(by_retrain, AllOf(HasSubstr("magnitude global, retrain none  magnitude global, retrain finetune 2ep\n"),
                                HasSubstr("10.00"), HasSubstr("50.00"), Not(HasSubstr("weight,"))));
  const auto json = nlohmann::json::parse(render_layer_densities({rows, tuned}, true));
  EXPECT_EQ(json[0]["granularity"], "row l1");
  EXPECT_EQ(json[1]["retrain"], "finetune 2ep");
}

TEST(MaskReports, CurvesShowTheRiseOfTheLoss) {
  SensitivityRow row;
  row.model = "lenet";
  row.dataset = "mnist";
  row.criterion = "magnitude";
  row.granularity = "weight";
  row.scope = "fc1";
  SensitivityRow dense = row;
  row.sparsity = 0.9;
  row.loss_increase = 0.25;
  EXPECT_THAT(render_sensitivities({dense, row}, false),
              AllOf(HasSubstr("lenet on mnist, magnitude"), HasSubstr("90 %"), HasSubstr("+0.2500")));
  EXPECT_THAT(render_sensitivities({}, false), HasSubstr("sensitivity:"));
}

}  // namespace
}  // namespace espalier
