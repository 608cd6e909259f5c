#include "experiments/expand/check_sweep.h"

#include <gmock/gmock.h>

#include "tests/experiments/sweep_story.h"

namespace espalier {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<std::string> warnings(const std::string& rest) {
  return texts(
      check_sweep(spec_of("sweep: s\ndataset: mnist\nmodel: lenet-300-100\ntrain: {lr: 0.1, epochs: 3}\n" + rest)));
}

TEST(CheckSweep, a_sound_sweep_has_no_warnings) {
  EXPECT_THAT(warnings("prune: {method: magnitude, sparsity: [0.5, 0.8, 0.9]}\n"), IsEmpty());
  EXPECT_THAT(warnings("prune: {method: [random, magnitude], sparsity: [0.5, 0.8, 0.9]}\ncontrols: []\n"), IsEmpty());
  EXPECT_THAT(warnings("prune: {method: magnitude, schedule: {iterative: {rate: 0.2, rounds: 9}}}\n"), IsEmpty());
  EXPECT_THAT(warnings(""), IsEmpty());
}

TEST(CheckSweep, what_weakens_a_comparison_is_said) {
  EXPECT_THAT(
      warnings(
          "seeds: 1\ndense: false\nprune: {method: magnitude, sparsity: [0.5, 0.9]}\nretrain: {finetune: {epochs: 1}}\n"
          "controls: [reinit]\n"),
      ElementsAre("s.yaml:5:8: warning: seeds: one seed gives no interval; use three or more",
                  HasSubstr("no dense networks are run"),
                  HasSubstr("s.yaml:9:11: warning: controls: no random control"),
                  HasSubstr("warning: prune.sparsity: fewer than three sparsities"),
                  HasSubstr("the reinit control trains new weights for as long as finetune or lr_rewind does")));
}

TEST(CheckSweep, short_retraining_of_fresh_weights_is_said) {
  const std::string reinit = "prune: {method: magnitude, sparsity: [0.5, 0.8, 0.9]}\ncontrols: [random, reinit]\n";
  const auto short_one = ElementsAre(HasSubstr("controls: the reinit control trains new weights"));
  EXPECT_THAT(warnings(reinit + "retrain: {lr_rewind: {epochs: 1}}\n"), short_one);
  EXPECT_THAT(warnings(reinit + "retrain: {lr_rewind: {to: 2ep}}\n"), short_one);
  EXPECT_THAT(warnings(reinit + "retrain: {lr_rewind: {to: init}}\n"), IsEmpty());
  EXPECT_THAT(warnings(reinit + "retrain: {rewind: {to: 100it}}\n"), IsEmpty());
}

TEST(CheckSweep, networks_pruned_early_and_never_trained_are_said) {
  const auto at = [](const std::string& moment, const std::string& retrain) {
    return warnings("prune: {method: snip, sparsity: [0.5, 0.8, 0.9], at: " + moment + "}\n" + retrain);
  };
  const auto untrained = ElementsAre(
      "s.yaml:5:54: warning: prune.at: networks pruned before the training's end are hardly trained after it; add "
      "retrain: {rewind: {to: init}}");
  EXPECT_THAT(at("init", ""), untrained);
  EXPECT_THAT(at("500it", "retrain: none\n"), untrained);
  EXPECT_THAT(at("init", "retrain: [{finetune: {epochs: 1}}, {rewind: {to: init}}]\n"), untrained);
  EXPECT_THAT(at("init", "retrain: {lr_rewind: {epochs: 1}}\n"), untrained);
  EXPECT_THAT(at("init", "retrain: {rewind: {to: init}}\n"), IsEmpty());
  EXPECT_THAT(at("500it", "retrain: {lr_rewind: {to: 500it}}\n"), IsEmpty());
  EXPECT_THAT(at("trained", "retrain: none\n"), IsEmpty());
}

TEST(CheckSweep, scores_that_layers_do_not_share_a_scale_for_are_said) {
  const auto said = [](const std::string& prune) {
    return texts(
        check_sweep(spec_of("sweep: s\ndataset: cifar10\nmodel: vgg-11-bn\ntrain: {lr: 0.1, epochs: 3}\n"
                            "prune: {sparsity: [0.5, 0.8, 0.9], " +
                            prune + "}\n")));
  };
  EXPECT_THAT(said("method: fpgm, granularity: filter"),
              ElementsAre("s.yaml:5:44: warning: prune.method: scores of fpgm are comparable within a layer alone, and "
                          "allocation global ranks layers together; use uniform, erk or a table"));
  EXPECT_THAT(said("method: [magnitude, fpgm], granularity: filter, allocation: [uniform, global]"),
              ElementsAre(HasSubstr("scores of fpgm")));
  EXPECT_THAT(said("method: [magnitude, fpgm], granularity: filter, allocation: [uniform, lamp, erk]"), IsEmpty());
  EXPECT_THAT(said("method: wanda"), ElementsAre(HasSubstr("scores of wanda")));
  EXPECT_THAT(said("method: wanda, dialect: wanda"), IsEmpty());
  EXPECT_THAT(said("method: bn_scale, granularity: filter"), IsEmpty());
  EXPECT_THAT(said("method: bn_scale, granularity: filter mean"), IsEmpty());
  EXPECT_THAT(said("method: bn_scale, granularity: filter l2, allocation: uniform"), IsEmpty());
  EXPECT_THAT(said("method: bn_scale, granularity: filter l2"),
              ElementsAre(HasSubstr("bn_scale gives every weight of an output the output's score, which granularity "
                                    "filter l2 turns into one that grows with the output's weights")));
}

}  // namespace
}  // namespace espalier
