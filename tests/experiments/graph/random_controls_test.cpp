// Which random masks trials draw, and what of it they share.

#include <set>
#include <tuple>

#include <gmock/gmock.h>

#include "experiments/expand/check_trials.h"
#include "experiments/stages/stage_spec.h"
#include "tests/experiments/sweep_story.h"

namespace espalier {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// Trials with their stages.
struct LaidOut {
  std::vector<Trial> trials;
  StageGraph graph;

  explicit LaidOut(const std::string& yaml) : trials(trials_of(yaml)), graph(build_stage_graph(trials)) {}

  const Stage& masks(std::size_t trial) const { return graph.stages[*graph.trials.at(trial).masks]; }
  std::string draw(std::size_t trial) const {
    const Stage& stage = masks(trial);
    if (stage.kind == StageKind::shuffle) return parse_spec<ShuffleSpec>(*stage.spec).draw;
    if (stage.kind == StageKind::train) return parse_spec<TrainSpec>(*stage.spec).gradual->prune.draw;
    return parse_spec<PruneSpec>(*stage.spec).draw;
  }
  std::vector<std::size_t> of(Control control) const {
    std::vector<std::size_t> found;
    for (std::size_t i = 0; i < trials.size(); ++i) {
      if (trials[i].config->control == control) found.push_back(i);
    }
    return found;
  }
  std::size_t stages_of(StageKind kind) const {
    std::size_t count = 0;
    for (const Stage& stage : graph.stages) count += stage.kind == kind ? 1 : 0;
    return count;
  }
};

std::string drawn_sweep(const std::string& rest, const std::string& seeds = "1") {
  return "sweep: s\nmodel: lenet-300-100\ntrain: {lr: 0.1, batch_size: 60, epochs: 3}\nseeds: " + seeds + "\n" + rest;
}

/// Two data sets, three methods after or before training, two schedules, five sparsities, three seeds.
std::string study(const std::string& controls) {
  return drawn_sweep(
      "dataset: [{name: mnist, train: 20000}, {name: fashion_mnist, train: 20000}]\n"
      "prune: {method: [magnitude, snip, synflow], at: [trained, init, init], sparsity: [0.5, 0.75, 0.875, 0.9375, "
      "0.96875],\n  schedule: [one_shot, {iterative: {rate: 0.5}}]}\n"
      "zip: [[prune.method, prune.at]]\nretrain: {rewind: {to: init}}\n" +
          controls,
      "3");
}

/// The distinct trainings that the random trials end with, and those whose masks are not another's: what a prune's
/// spec, seed and earlier masks say is what it computes.
std::pair<std::size_t, std::size_t> random_trainings(const LaidOut& sweep) {
  std::set<StageIndex> trainings;
  std::set<std::tuple<std::string, std::uint64_t, std::string>> computations;
  for (const std::size_t trial : sweep.of(Control::random)) {
    const StageIndex last = *sweep.graph.trials[trial].last_train;
    trainings.insert(last);
    const Stage& prune = sweep.masks(trial);
    for (const StageInput& input : prune.inputs) EXPECT_EQ(input.role, InputRole::masks);
    const PruneSpec spec = parse_spec<PruneSpec>(*prune.spec);
    computations.insert(
        {*sweep.graph.stages[last].spec, prune.seed, spec.draw + std::to_string(spec.target.total_kept)});
  }
  return {trainings.size(), computations.size()};
}

TEST(RandomControls, every_trial_of_a_study_draws_its_own) {
  const LaidOut sweep(study("controls: [random]\n"));
  EXPECT_EQ(sweep.trials.size(), 306U);
  EXPECT_EQ(sweep.of(Control::random).size(), 120U);
  // One shot to 50 % is the first round of the chain: 12 trials are another's computation under another name.
  EXPECT_EQ(random_trainings(sweep), std::pair(std::size_t{108}, std::size_t{108}));
  std::set<std::pair<std::uint64_t, std::string>> draws;
  for (const std::size_t trial : sweep.of(Control::random)) draws.emplace(sweep.masks(trial).seed, sweep.draw(trial));
  EXPECT_EQ(draws.size(), 108U);
}

TEST(RandomControls, shared_masks_are_one_computation_wherever_they_are_trained_alike) {
  const LaidOut sweep(study("controls: [{random: shared}]\n"));
  EXPECT_EQ(sweep.trials.size(), 306U);
  EXPECT_EQ(random_trainings(sweep), std::pair(std::size_t{30}, std::size_t{30}));
  std::set<StageKey> masks, evaluations;
  for (const std::size_t trial : sweep.of(Control::random)) {
    masks.insert(sweep.masks(trial).key);
    evaluations.insert(sweep.graph.stages[sweep.graph.trials[trial].evaluate].key);
    EXPECT_EQ(sweep.draw(trial), kSharedDraw);
    EXPECT_THAT(sweep.masks(trial).inputs, IsEmpty());
  }
  EXPECT_EQ(masks.size(), 5U * 3U);  // of both data sets
  EXPECT_EQ(evaluations.size(), 30U);
  // The trials themselves stay apart.
  std::set<StageKey> trials;
  for (const Trial& trial : sweep.trials) trials.insert(trial.key);
  for (const Trial& trial : trials_of(study("controls: [random]\n")))
    EXPECT_EQ(trials.contains(trial.key), trial.config->control != Control::random);
}

/// The draws of a sweep's random controls.
std::set<std::string> random_draws(const std::string& rest, Control control = Control::random) {
  const LaidOut sweep(drawn_sweep(rest));
  std::set<std::string> draws;
  for (const std::size_t trial : sweep.of(control)) draws.insert(sweep.draw(trial));
  EXPECT_FALSE(draws.contains(""));
  return draws;
}

TEST(RandomControls, a_difference_in_anything_is_another_draw) {
  const std::string dataset = "dataset: mnist\n", prune = "prune: {method: magnitude, sparsity: 0.5";
  const std::string plain = dataset + prune + "}\n", rewind = "retrain: {rewind: {to: init}}\n";
  EXPECT_EQ(random_draws(plain).size(), 1U);
  EXPECT_EQ(random_draws("dataset: [mnist, fashion_mnist]\n" + prune + ", at: init}\n" + rewind).size(), 2U);
  EXPECT_EQ(random_draws(dataset + prune + ", at: [trained, init, 100it]}\n" + rewind).size(), 3U);
  EXPECT_EQ(random_draws(dataset + prune + ", schedule: [one_shot, {iterative: {rounds: 2}}, {linear: {rounds: 2}}]}\n")
                .size(),
            3U);
  EXPECT_EQ(random_draws(dataset + "prune: {method: magnitude, sparsity: [0.5, 0.6]}\n").size(), 2U);
  EXPECT_EQ(random_draws(dataset + prune + ", schedule: {cubic: {end: 1000, every: [100, 200]}}}\n").size(), 2U);
  EXPECT_EQ(random_draws(dataset + prune + ", allocation: [global, uniform]}\n").size(), 2U);
  EXPECT_EQ(random_draws(dataset + "prune: {method: random, sparsity: 0.5, at: [trained, init]}\n" + rewind).size(),
            2U);
  const std::string retrains = "retrain: [none, {rewind: {to: init}}, {finetune: {epochs: 1}}]\n";
  EXPECT_EQ(random_draws(plain + retrains).size(), 1U);  // what follows the masks
  EXPECT_EQ(random_draws(dataset + prune + ", schedule: {iterative: {rounds: 2}}}\n" + retrains).size(), 3U);
  EXPECT_EQ(random_draws(dataset + prune + ", schedule: {cubic: {end: 1000, every: 100}}}\n" + retrains).size(), 1U);
  EXPECT_EQ(random_draws("dataset: {name: mnist, train: [20000, 30000]}\n" + prune + "}\n").size(), 2U);
  EXPECT_EQ(random_draws(dataset + prune + "}\ninit: [kaiming_normal, glorot_normal]\n").size(), 2U);
  EXPECT_EQ(random_draws(plain + "controls: [erk_random]\n", Control::erk_random).size(), 1U);
}

TEST(RandomControls, equal_computations_under_two_names_stay_one) {
  const std::string dataset = "dataset: mnist\n";
  const auto masks = [](const LaidOut& sweep) {
    std::set<StageKey> keys;
    for (const std::size_t trial : sweep.of(Control::random)) keys.insert(sweep.masks(trial).key);
    return keys.size();
  };
  const LaidOut chain(
      drawn_sweep(dataset +
                  "prune: {method: magnitude, schedule: {iterative: {rate: 0.5, rounds: 3}}}\nretrain: {rewind: {to: "
                  "init}}\n"));
  ASSERT_EQ(chain.of(Control::random).size(), 3U);
  EXPECT_EQ(masks(chain), 3U);
  EXPECT_EQ(chain.stages_of(StageKind::prune), 6U);  // the rounds of the longest trial are those of the others
  const std::size_t first = chain.of(Control::random)[0], second = chain.of(Control::random)[1];
  EXPECT_THAT(chain.masks(first).inputs, IsEmpty());
  ASSERT_EQ(chain.masks(second).inputs.size(), 1U);
  EXPECT_EQ(chain.masks(second).inputs[0].stage, *chain.graph.trials[first].masks);
  EXPECT_EQ(
      masks(LaidOut(drawn_sweep(
          dataset + "prune: {method: magnitude, sparsity: 0.5, schedule: [one_shot, {iterative: {rounds: 1}}]}\n"))),
      1U);
  EXPECT_EQ(masks(LaidOut(drawn_sweep(dataset + "prune: {method: magnitude, sparsity: 0.5, schedule: {iterative: "
                                                "{rounds: 2}}}\nretrain: [{rewind: {to: init}}, "
                                                "{weights: init, schedule: init}]\n"))),
            1U);
  EXPECT_EQ(masks(LaidOut(drawn_sweep(
                dataset + "prune: {method: snip, sparsity: 0.5, batches: [1, 4], at: init}\nretrain: {rewind: {to: "
                          "init}}\n"))),
            1U);
}

TEST(RandomControls, what_a_random_mask_does_not_look_at_is_not_trained) {
  const auto trainings = [](const std::string& control, const std::string& retrain) {
    return LaidOut(drawn_sweep("dataset: mnist\ndense: false\nprune: {method: random, sparsity: 0.75, schedule: "
                               "{iterative: {rounds: 2}}}\ncontrols: [" +
                               control + "]\nretrain: " + retrain + "\n"))
        .stages_of(StageKind::train);
  };
  for (const std::string control : {"random", "{random: shared}"}) {
    EXPECT_EQ(trainings(control, "{rewind: {to: init}}"), 1U) << control;
    EXPECT_EQ(trainings(control, "reinit"), 1U) << control;
    EXPECT_EQ(trainings(control, "{rewind: {to: 500it}}"), 2U) << control;    // up to there, and from there
    EXPECT_EQ(trainings(control, "none"), 1U) << control;                     // the dense one
    EXPECT_EQ(trainings(control, "{finetune: {epochs: 1}}"), 3U) << control;  // dense, and after either round
    EXPECT_EQ(trainings(control, "{lr_rewind: {epochs: 1}}"), 3U) << control;
  }
}

TEST(RandomControls, shared_rounds_are_the_one_prune_that_gives_their_mask) {
  const std::string head = "dataset: mnist\nprune: {method: magnitude, sparsity: 0.75, at: trained, schedule: ";
  const std::string tail =
      "}\ncontrols: [{random: shared}, erk_random]\nretrain: [{finetune: {epochs: 1}}, none, reinit]\n";
  std::set<StageKey> masks;
  for (const std::string schedule : {"one_shot", "{iterative: {rounds: 2}}"}) {
    const LaidOut sweep(drawn_sweep(head + schedule + tail));
    for (const std::size_t trial : sweep.of(Control::random)) masks.insert(sweep.masks(trial).key);
    for (const std::size_t trial : sweep.of(Control::erk_random)) EXPECT_EQ(sweep.draw(trial), kSharedDraw);
  }
  EXPECT_EQ(masks.size(), 1U);
}

TEST(RandomControls, shuffles_of_two_methods_are_two_permutations) {
  const std::string rest =
      "dataset: mnist\nprune: {method: [magnitude, snip], at: init, sparsity: 0.5, allocation: "
      "uniform}\nretrain: {rewind: {to: init}}\ncontrols: ";
  EXPECT_EQ(random_draws(rest + "[random, shuffle]\n", Control::shuffle).size(), 2U);
  std::set<std::string> draws = random_draws(rest + "[{random: shared}, shuffle, shuffle_network]\n", Control::shuffle);
  draws.merge(random_draws(rest + "[shuffle_network]\n", Control::shuffle_network));
  EXPECT_EQ(draws.size(), 4U);
}

TEST(RandomControls, curves_of_random_pruning_are_drawn_once_for_all_sparsities) {
  const std::string rest =
      "dataset: mnist\nprune: {method: magnitude, sparsity: [0.5, 0.9], allocation: sensitivity, at: [trained, init]}\n"
      "retrain: {rewind: {to: init}}\ncontrols: ";
  const auto curves = [](const LaidOut& sweep) {
    std::set<std::string> draws;
    for (const Stage& stage : sweep.graph.stages) {
      if (stage.kind == StageKind::sensitivity) draws.insert(parse_spec<SensitivitySpec>(*stage.spec).prune.draw);
    }
    return draws;
  };
  EXPECT_EQ(curves(LaidOut(drawn_sweep(rest + "[random]\n"))).size(), 3U);  // none for magnitude, one for each moment
  EXPECT_THAT(curves(LaidOut(drawn_sweep(rest + "[{random: shared}]\n"))), ElementsAre("", kSharedDraw));
}

TEST(RandomControls, only_drawn_masks_have_another_epoch) {
  const LaidOut sweep(drawn_sweep(
      "dataset: mnist\nprune: {method: magnitude, sparsity: 0.5}\ncontrols: [random, shuffle, reinit, erk_random]\n"
      "retrain: {finetune: {epochs: 1}}\n"));
  std::multiset<std::string> epochs;
  for (const Stage& stage : sweep.graph.stages) {
    const bool drawn = stage.spec->find("\"draw\":\"") != std::string::npos;
    const bool dated = stage.spec->find("\"epoch\":3") != std::string::npos;
    EXPECT_EQ(drawn, dated) << *stage.spec;
    if (drawn) epochs.insert(std::string(to_string(stage.kind)));
  }
  EXPECT_THAT(epochs, ElementsAre("prune", "prune", "shuffle"));
}

TEST(RandomControls, what_else_random_may_be_is_told) {
  const std::string sweep = drawn_sweep("dataset: mnist\nprune: {method: magnitude, sparsity: 0.5}\ncontrols: ");
  EXPECT_THAT(problems(sweep + "[{random: own}]\n"), ElementsAre(HasSubstr("unknown \"own\"")));
  EXPECT_THAT(problems(sweep + "[random, {random: shared}]\n"), ElementsAre(HasSubstr("random is listed twice")));
  EXPECT_THAT(problems(sweep + "[{shuffle: random}]\n"), ElementsAre(HasSubstr("unknown \"random\"")));
}

TEST(RandomControls, many_comparisons_that_rest_on_one_draw_a_seed_are_said) {
  const auto warnings = [](const std::string& sparsities, const std::string& controls, const std::string& seeds) {
    const SweepSpec spec = spec_of(drawn_sweep(
        "dataset: mnist\nprune: {method: magnitude, sparsity: " + sparsities + "}\ncontrols: " + controls + "\n",
        seeds));
    return texts(check_trials(spec, expand_trials(spec, mnist_sizes).trials));
  };
  const std::string four = "[0.5, 0.6, 0.7, 0.8]";
  EXPECT_THAT(
      warnings(four, "[{random: shared}]", "3"),
      ElementsAre("s.yaml:7:11: warning: controls: with random: shared, 4 comparisons rest on 3 draws of random "
                  "masks, one a seed; an odd one moves them all together. Write random for draws of their own, "
                  "or use more seeds"));
  EXPECT_THAT(warnings(four, "[{random: shared}]", "1"), ElementsAre(HasSubstr("4 comparisons rest on one draw of")));
  EXPECT_THAT(warnings(four, "[{random: shared}]", "4"), IsEmpty());
  EXPECT_THAT(warnings(four, "[random]", "3"), IsEmpty());
}

}  // namespace
}  // namespace espalier
