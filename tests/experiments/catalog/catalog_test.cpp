#include "experiments/catalog/catalog.h"

#include <algorithm>
#include <cmath>
#include <type_traits>

#include <gmock/gmock.h>

#include "base/error.h"

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
              ElementsAre("global", "uniform", "per_row", "erk", "er", "lamp", "isomorphic", "sensitivity"));
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
  std::map<std::string, double> options;
  for (const CriterionEntry& entry : list_criteria()) {
    const auto written = std::ranges::count(entry.options, '=');
    EXPECT_EQ(std::ssize(options_of(entry)), written) << entry.name << " has an option that cannot be read";
    for (const CriterionOption& one : options_of(entry)) {
      options[std::string(entry.name) + " " + one.name] = one.standard;
      EXPECT_TRUE(one.with_low ? one.standard >= one.low : one.standard > one.low) << entry.name << " " << one.name;
      EXPECT_TRUE(one.with_high ? one.standard <= one.high : one.standard < one.high) << entry.name << " " << one.name;
      if (one.whole) {
        EXPECT_TRUE(one.with_low && one.with_high) << entry.name << " " << one.name;
        EXPECT_EQ(one.standard, std::round(one.standard)) << entry.name << " " << one.name;
      }
    }
  }
  EXPECT_THAT(options,
              testing::IsSupersetOf({testing::Pair("grasp temperature", 200.0), testing::Pair("obs damping", 1e-4),
                                     testing::Pair("synflow float64", 0.0)}));
  const std::vector<CriterionOption> synflow = options_of(find_criterion("synflow"));
  ASSERT_EQ(synflow.size(), 3U);
  EXPECT_TRUE(synflow[0].whole);
  EXPECT_EQ(synflow[0].high, 10'000);
  EXPECT_FALSE(synflow[2].whole);
  EXPECT_TRUE(synflow[2].with_low);
  EXPECT_FALSE(synflow[2].with_high);
}

TEST(Catalog, has_one_default_where_a_sweep_may_name_none) {
  const auto defaults = [](const auto& entries) {
    using Property = decltype(entries.front().properties);
    return names_with(entries, std::remove_cv_t<Property>::is_default);
  };
  EXPECT_THAT(defaults(list_schedules()), ElementsAre("one_shot"));
  EXPECT_THAT(defaults(list_allocations()), ElementsAre("global"));
  EXPECT_THAT(defaults(list_optimizers()), ElementsAre("sgd"));
  EXPECT_THAT(defaults(list_inits()), ElementsAre("kaiming_normal"));
  EXPECT_THAT(defaults(list_retrains()), ElementsAre("none"));
  EXPECT_THAT(names_with(list_inits(), InitProperty::of_script), ElementsAre("as_scripted"));
  EXPECT_THAT(names_with(list_allocations(), AllocationProperty::default_by_layer), ElementsAre("uniform"));
}

TEST(Catalog, a_name_that_a_table_lacks_has_no_property) {
  EXPECT_TRUE(has("per_row", AllocationProperty::by_row | AllocationProperty::by_shape));
  EXPECT_FALSE(has("erk", AllocationProperty::by_row));
  EXPECT_FALSE(has("table", AllocationProperty::one_ranking));
  EXPECT_FALSE(has("", ScheduleProperty::one_round));
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
