// Lists as axes: how they multiply, advance together, and are thinned out.

#include <gmock/gmock.h>

#include "tests/experiments/sweep_story.h"

namespace espalier {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// Dense networks only: one line per combination.
std::vector<std::string> combinations(const std::string& rest) {
  return described(trials_of("sweep: s\ndataset: mnist\nmodel: lenet-300-100\nseeds: [4]\n" + rest));
}

std::vector<std::string> axis_problems(const std::string& rest) {
  return problems(
      "sweep: s\ndataset: mnist\nmodel: lenet-300-100\ntrain: {lr: [0.1, 0.2], batch_size: [60, 120], epochs: 1}\n" +
      rest);
}

TEST(Axes, multiply_with_the_last_in_the_file_fastest) {
  EXPECT_THAT(combinations("train: {lr: [0.1, 0.2], batch_size: [60, 120], epochs: 1}\n"),
              ElementsAre("dense seed 4 [train.lr=0.1, train.batch_size=60]",
                          "dense seed 4 [train.lr=0.1, train.batch_size=120]",
                          "dense seed 4 [train.lr=0.2, train.batch_size=60]",
                          "dense seed 4 [train.lr=0.2, train.batch_size=120]"));
  EXPECT_THAT(combinations("train: {batch_size: [60, 120], lr: [0.1, 0.2], epochs: 1}\n").at(1),
              "dense seed 4 [train.batch_size=60, train.lr=0.2]");
}

TEST(Axes, zip_advances_keys_together) {
  EXPECT_THAT(
      combinations("train: {lr: [0.1, 0.2], batch_size: [60, 120], epochs: 1}\nzip: [[train.lr, train.batch_size]]\n"),
      ElementsAre("dense seed 4 [train.lr=0.1, train.batch_size=60]",
                  "dense seed 4 [train.lr=0.2, train.batch_size=120]"));
}

TEST(Axes, exclude_drops_what_matches_all_of_an_entry) {
  EXPECT_THAT(combinations(
                  "train: {lr: [0.1, 0.2], batch_size: [60, 120], epochs: 1}\n"
                  "exclude: [{train.lr: 0.20, train.batch_size: 60}, {train.lr: 0.1, train.batch_size: [120, 240]}]\n"),
              ElementsAre("dense seed 4 [train.lr=0.1, train.batch_size=60]",
                          "dense seed 4 [train.lr=0.2, train.batch_size=120]"));
}

TEST(Axes, when_keeps_what_matches_an_entry) {
  EXPECT_THAT(combinations("train: {lr: [0.1, 0.2, 0.3], epochs: 1}\nwhen: {train.lr: [0.1, 0.3]}\n"),
              ElementsAre("dense seed 4 [train.lr=0.1]", "dense seed 4 [train.lr=0.3]"));
}

TEST(Axes, a_condition_names_a_map_by_its_word_or_its_entries) {
  const std::string yaml = R"(
sweep: s
dataset: mnist
model: lenet-300-100
seeds: 1
dense: false
train: {lr: 0.1, epochs: 3}
prune: {method: magnitude, sparsity: [0.5, 0.9], schedule: [one_shot, {iterative: {rounds: [2, 3]}}]}
retrain: [none, {finetune: {epochs: 1}}]
controls: []
)";
  EXPECT_EQ(trials_of(yaml).size(), 2U * 3 * 2);
  EXPECT_EQ(trials_of(yaml + "exclude: {prune.schedule: iterative, retrain: none}\n").size(), 12U - 4);
  EXPECT_THAT(
      described(trials_of(yaml + "when: {prune.schedule: {iterative: {rounds: 3}}, retrain: finetune}\n")),
      ElementsAre("magnitude 0.5 iterative/3 finetune 1ep seed 0", "magnitude 0.9 iterative/3 finetune 1ep seed 0"));
}

TEST(Axes, what_no_column_tells_is_in_the_variant) {
  const std::vector<Trial> trials = trials_of(R"(
sweep: s
dataset: [{name: glyphs, seed: 0}, {name: glyphs, seed: 1}, mnist]
model: lenet-300-100
seeds: 1
dense: false
train: {lr: 0.1, epochs: 3}
prune: {method: magnitude, sparsity: 0.5}
retrain: [{finetune: {epochs: 1, lr: [0.1, 0.01]}}, {finetune: {epochs: 2}}]
controls: []
)");
  EXPECT_THAT(
      described(trials),
      testing::IsSupersetOf({"magnitude 0.5 one_shot/1 finetune 2ep seed 0",
                             "magnitude 0.5 one_shot/1 finetune 1ep seed 0 [retrain={finetune: {epochs: 1, lr: 0.1}}]",
                             "magnitude 0.5 one_shot/1 finetune 1ep seed 0 [dataset={name: glyphs, seed: 1}, "
                             "retrain={finetune: {epochs: 1, lr: 0.01}}]"}));
  EXPECT_EQ(trials.size(), 9U);
}

TEST(Axes, options_belong_to_their_method_and_tell_variants_only_of_one_name) {
  const auto of = [](const std::string& methods) {
    return described(
        trials_of("sweep: s\ndataset: mnist\nmodel: lenet-5\nseeds: 1\ndense: false\n"
                  "train: {lr: 0.1, epochs: 3}\nprune: {sparsity: 0.5, method: " +
                  methods + "}\n"));
  };
  EXPECT_THAT(of("[magnitude, {grasp: {temperature: 1}}]"),
              ElementsAre("magnitude 0.5 one_shot/1 none seed 0", "random 0.5 one_shot/1 none seed 0 (random)",
                          "grasp 0.5 one_shot/1 none seed 0"));
  EXPECT_THAT(of("[grasp, {grasp: {temperature: 1}}]"),
              testing::IsSupersetOf({"grasp 0.5 one_shot/1 none seed 0 [prune.method=grasp]",
                                     "grasp 0.5 one_shot/1 none seed 0 [prune.method={grasp: {temperature: 1}}]"}));
}

TEST(Axes, a_rate_is_told_from_rounds_that_are_as_many) {
  const std::vector<Trial> trials = trials_of(R"(
sweep: s
dataset: mnist
model: lenet-300-100
seeds: 1
dense: false
train: {lr: 0.1, epochs: 3}
prune: {method: magnitude, sparsity: 0.8, schedule: [{iterative: {rounds: 5}}, {iterative: {rate: 0.3}}]}
controls: []
)");
  EXPECT_THAT(described(trials),
              ElementsAre("magnitude 0.8 iterative/5 none seed 0", "magnitude 0.8 iterative/5 none rate 0.3 seed 0"));
}

TEST(Axes, the_step_that_is_pruned_at_is_told_by_its_column) {
  const std::vector<Trial> trials = trials_of(R"(
sweep: s
dataset: {name: glyphs, train: 6000}
model: lenet-300-100
seeds: 1
dense: false
train: {lr: 0.1, batch_size: 60, epochs: 2}
prune: {method: magnitude, sparsity: 0.8, at: [init, 1ep, 2ep, trained]}
retrain: {finetune: {epochs: 1}}
controls: []
)");
  std::vector<std::int64_t> steps;
  for (const Trial& trial : trials) steps.push_back(trial.config->prune->at_step);
  EXPECT_THAT(described(trials), testing::Each("magnitude 0.8 one_shot/1 finetune 1ep seed 0"));
  EXPECT_THAT(steps, ElementsAre(0, 92, 184));  // the second epoch's end is where it is trained
}

TEST(Axes, what_later_rounds_score_is_said) {
  const auto said = [](const std::string& keys) {
    return later_rounds_score(*trials_of(R"(
sweep: s
dataset: {name: glyphs, train: 6000}
model: lenet-300-100
seeds: 1
dense: false
train: {lr: 0.1, batch_size: 60, epochs: 20}
controls: []
)" + keys)
                                   .at(0)
                                   .config);
  };
  const std::string rounds =
      "prune: {method: magnitude, sparsity: 0.8, at: init, schedule: {iterative: {rounds: 3}}}\n";
  EXPECT_EQ(said(rounds + "retrain: none\n"), "");
  EXPECT_EQ(said("prune: {method: magnitude, sparsity: 0.8}\nretrain: {rewind: {to: init}}\n"), "");
  EXPECT_EQ(said(rounds + "retrain: {rewind: {to: init}}\n"), "step 1,840");
  EXPECT_EQ(said(rounds + "retrain: {finetune: {epochs: 2}}\n"), "networks retrained for 184 steps");
  EXPECT_EQ(said(rounds + "retrain: {lr_rewind: {to: 15ep}}\n"), "networks retrained for 460 steps");
  EXPECT_EQ(said("prune: {method: magnitude, sparsity: 0.8, schedule: {cubic: {start: 1ep, end: 5ep, every: 90it}}}\n"),
            "steps up to 452");
}

TEST(Axes, momentum_makes_no_variants_of_adam) {
  EXPECT_THAT(
      combinations("train: {optimizer: [sgd, adam], momentum: [0, 0.9], lr: 0.1, epochs: 1}\n"),
      ElementsAre("dense seed 4 [train.optimizer=sgd, train.momentum=0]",
                  "dense seed 4 [train.optimizer=sgd, train.momentum=0.9]", "dense seed 4 [train.optimizer=adam]"));
}

TEST(Axes, a_bad_value_is_reported_once_however_often_its_axis_is_named) {
  EXPECT_THAT(problems("sweep: s\ndataset: mnist\nmodel: lenet-5\ntrain: {lr: [0.1, fast], batch_size: [60, 120], "
                       "epochs: 1}\nexclude: {train.lr: 0.1}\nwhen: {train.lr: 0.1}\n"
                       "zip: [[train.lr, train.batch_size]]\n"),
              ElementsAre(HasSubstr("train.lr[1]: expected a number")));
  EXPECT_THAT(problems("sweep: s\ndataset: mnist\nmodel: lenet-5\ntrain: {lr: [], epochs: 1}\n"
                       "exclude: {train.lr: 0.1}\n"),
              ElementsAre(HasSubstr("train.lr: holds an empty list")));
}

TEST(Axes, mistakes_are_named) {
  EXPECT_THAT(
      axis_problems("zip: [[train.lr, train.batchsize]]\n"),
      ElementsAre("s.yaml:5:18: zip[0][1]: only keys with a list of values can be named here: unknown "
                  "\"train.batchsize\"; did you mean \"train.batch_size\"? (one of train.lr, train.batch_size)"));
  EXPECT_THAT(axis_problems("init: [glorot_normal]\nzip: [[train.lr, init]]\n"),
              ElementsAre("s.yaml:6:7: zip[0]: train.lr has 2 values and init has 1; zipped keys have equally many"));
  EXPECT_THAT(axis_problems("zip: [[train.lr], [train.lr, train.lr]]\n"),
              ElementsAre(HasSubstr("zip[0]: expected a list of at least two keys"),
                          HasSubstr("zip[1]: train.lr is zipped twice")));
  EXPECT_THAT(axis_problems("exclude: [{train.lr: 0.3}]\n"),
              ElementsAre("s.yaml:5:22: exclude[0].train.lr: is never 0.3 (one of 0.1, 0.2)"));
  EXPECT_THAT(axis_problems("when: [train.lr]\n"),
              ElementsAre(HasSubstr("when[0]: expected a map from keys to values")));
  EXPECT_THAT(axis_problems("exclude: [{train.lr: [0.1, 0.2]}]\n"),
              ElementsAre("s.yaml:1:1: when and exclude leave no combination"));
  EXPECT_THAT(problems("sweep: s\ndataset: mnist\nmodel: lenet-5\ntrain: {lr: 1, epochs: 1}\nexclude: {train.lr: 1}\n"),
              ElementsAre(HasSubstr("speaks of \"train.lr\", but no key of this sweep has a list of values")));
}

}  // namespace
}  // namespace espalier
