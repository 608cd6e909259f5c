#include "experiments/catalog/catalog.h"

#include <algorithm>
#include <cmath>

#include <gmock/gmock.h>

#include "base/error.h"
#include "experiments/pruning/criterion_limits.h"

namespace espalier {
namespace {

using testing::ElementsAre;

TEST(Catalog, names_are_those_of_the_tables) {
  EXPECT_THAT(catalog_names(list_criteria()),
              ElementsAre("magnitude", "random", "gradient", "snip", "weight_gradient", "taylor", "taylor_absolute",
                          "grasp", "synflow", "movement", "apoz", "mean_activation", "bn_scale", "fpgm", "wanda",
                          "obd_fisher", "obd_hessian", "obs", "sparsegpt"));
  EXPECT_THAT(catalog_names(list_schedules()),
              ElementsAre("one_shot", "iterative", "linear", "cubic", "exponential", "agp"));
  EXPECT_THAT(catalog_names(list_allocations()),
              ElementsAre("global", "uniform", "per_row", "erk", "er", "lamp", "sensitivity"));
  EXPECT_THAT(catalog_names(list_dialects()),
              ElementsAre("open_lth", "shrinkbench", "synflow", "jaxpruner", "torch", "wanda"));
  EXPECT_THAT(catalog_names(list_optimizers()), ElementsAre("sgd", "adam"));
  EXPECT_THAT(catalog_names(list_inits()), ElementsAre("glorot_normal", "kaiming_normal", "as_scripted"));
  EXPECT_THAT(catalog_names(list_retrains()),
              ElementsAre("none", "finetune", "rewind", "lr_rewind", "reinit", "scratch_e", "scratch_b"));
  EXPECT_THAT(catalog_names(list_models()),
              ElementsAre("lenet-300-100", "lenet-5", "mlp", "conv-2", "conv-4", "conv-6", "vgg-11-bn", "vgg-16-bn",
                          "vgg-19-bn", "resnet-20", "resnet-32", "resnet-56", "transformer"));
  EXPECT_THAT(catalog_names(list_dataset_names()),
              ElementsAre("mnist", "fashion_mnist", "cifar10", "idx", "tensors", "glyphs"));
}

TEST(Catalog, every_criterion_says_what_it_needs) {
  EXPECT_EQ(find_criterion("magnitude").needs, CriterionNeeds::needs_nothing);
  EXPECT_EQ(find_criterion("snip").needs, CriterionNeeds::needs_gradient);
  for (const CriterionEntry& entry : list_criteria()) {
    EXPECT_FALSE(entry.formula.empty()) << entry.name;
    EXPECT_FALSE(entry.paper.empty()) << entry.name;
    EXPECT_FALSE(entry.about.empty()) << entry.name;
  }
}

TEST(Catalog, only_scores_of_outputs_are_reduced_by_their_mean) {
  for (const CriterionEntry& entry : list_criteria()) {
    const bool of_weights = entry.scores == CriterionScores::scores_weights ||
                            entry.scores == CriterionScores::draws_scores ||
                            entry.scores == CriterionScores::repairs_weights;
    EXPECT_EQ(entry.reduction, of_weights ? Reduction::l2 : Reduction::mean) << entry.name;
    EXPECT_GE(entry.epoch, 1) << entry.name;
  }
}

TEST(Catalog, every_option_has_a_range_with_its_default_inside) {
  std::size_t options = 0;
  for (const CriterionEntry& entry : list_criteria()) {
    for (const auto& [name, standard] : default_options(entry)) {
      ++options;
      const auto* range = std::ranges::find_if(
          kOptionRanges, [&](const OptionRange& one) { return one.criterion == entry.name && one.option == name; });
      ASSERT_NE(range, kOptionRanges.end()) << entry.name << " " << name;
      EXPECT_TRUE(range->with_low ? standard >= range->low : standard > range->low) << entry.name << " " << name;
      EXPECT_TRUE(range->with_high ? standard <= range->high : standard < range->high) << entry.name << " " << name;
      if (range->whole) {
        EXPECT_EQ(standard, std::round(standard)) << entry.name << " " << name;
      }
    }
  }
  EXPECT_EQ(options, kOptionRanges.size());
}

TEST(Catalog, an_unknown_criterion_is_met_with_the_choices) {
  try {
    find_criterion("magnitud");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::invalid_input);
    EXPECT_EQ(error.what(), "criterion: unknown \"magnitud\"; did you mean \"magnitude\"? (one of " +
                                catalog_list(list_criteria()) + ")");
  }
}

}  // namespace
}  // namespace espalier
