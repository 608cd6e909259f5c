#include "experiments/expand/expand_trials.h"

#include <filesystem>
#include <set>

#include <gmock/gmock.h>

#include "base/error.h"
#include "tests/experiments/sweep_story.h"

namespace espalier {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const std::string kExpandedSweep =
    "sweep: s\ndataset: mnist\nmodel: lenet-300-100\nseeds: 1\ntrain: {lr: 0.1, batch_size: 60, epochs: 3}\n";

TEST(ExpandTrials, methods_have_random_twins_and_a_dense_network) {
  EXPECT_THAT(
      described(trials_of(kExpandedSweep + "prune: {method: [magnitude, gradient], sparsity: [0.5, 0.9]}\n")),
      ElementsAre("dense seed 0", "magnitude 0.5 one_shot/1 none seed 0", "random 0.5 one_shot/1 none seed 0 (random)",
                  "magnitude 0.9 one_shot/1 none seed 0", "random 0.9 one_shot/1 none seed 0 (random)",
                  "gradient 0.5 one_shot/1 none seed 0", "gradient 0.9 one_shot/1 none seed 0"));
}

TEST(ExpandTrials, random_as_a_method_is_the_random_control) {
  const auto asked =
      trials_of(kExpandedSweep + "dense: false\nprune: {method: [random, magnitude], sparsity: 0.5}\ncontrols: []\n");
  const auto control = trials_of(kExpandedSweep + "dense: false\nprune: {method: magnitude, sparsity: 0.5}\n");
  EXPECT_THAT(described(asked),
              ElementsAre("random 0.5 one_shot/1 none seed 0 (random)", "magnitude 0.5 one_shot/1 none seed 0"));
  EXPECT_EQ(asked.at(0).key, control.at(1).key);
  EXPECT_EQ(asked.at(1).key, control.at(0).key);
}

TEST(ExpandTrials, seeds_share_a_configuration_but_not_a_key) {
  const auto trials = trials_of(kExpandedSweep + "prune: {method: snip, sparsity: 0.5}\n", {"seeds=[3, 5]"});
  EXPECT_THAT(
      described(trials),
      ElementsAre("dense seed 3", "dense seed 5", "snip 0.5 one_shot/1 none seed 3", "snip 0.5 one_shot/1 none seed 5",
                  "random 0.5 one_shot/1 none seed 3 (random)", "random 0.5 one_shot/1 none seed 5 (random)"));
  EXPECT_EQ(trials[0].config, trials[1].config);
  std::set<StageKey> keys;
  for (const Trial& trial : trials) keys.insert(trial.key);
  EXPECT_EQ(keys.size(), trials.size());
}

TEST(ExpandTrials, every_round_of_a_rate_is_an_operating_point) {
  EXPECT_THAT(described(trials_of(kExpandedSweep + R"(
prune: {method: magnitude, schedule: {iterative: {rate: 0.5, rounds: 2}}}
retrain: {rewind: {to: init}}
controls: [random, shuffle, reinit]
dense: false
)")),
              ElementsAre("magnitude 0.5 iterative/1 rewind init rate 0.5 seed 0",
                          "magnitude 0.75 iterative/2 rewind init rate 0.5 seed 0",
                          "random 0.5 iterative/1 rewind init rate 0.5 seed 0 (random)",
                          "random 0.75 iterative/2 rewind init rate 0.5 seed 0 (random)",
                          "magnitude 0.5 iterative/1 rewind init rate 0.5 seed 0 (shuffle)",
                          "magnitude 0.75 iterative/2 rewind init rate 0.5 seed 0 (shuffle)",
                          "magnitude 0.5 iterative/1 rewind init rate 0.5 seed 0 (reinit)",
                          "magnitude 0.75 iterative/2 rewind init rate 0.5 seed 0 (reinit)"));
}

TEST(ExpandTrials, reinit_is_left_out_where_nothing_is_retrained) {
  EXPECT_THAT(described(trials_of(kExpandedSweep + "dense: false\nprune: {method: magnitude, sparsity: 0.5}\n"
                                                   "retrain: [none, {rewind: {to: init}}]\ncontrols: [reinit]\n")),
              ElementsAre("magnitude 0.5 one_shot/1 none seed 0", "magnitude 0.5 one_shot/1 rewind init seed 0",
                          "magnitude 0.5 one_shot/1 rewind init seed 0 (reinit)"));
  EXPECT_THAT(problems(kExpandedSweep + "prune: {method: magnitude, sparsity: 0.5}\nretrain: [none, reinit]\n"
                                        "controls: [reinit]\n"),
              ElementsAre(HasSubstr("controls: reinit trains new weights")));
}

TEST(ExpandTrials, counts_are_exact_globally_and_by_layer) {
  const auto rounds = [](const std::string& prune) {
    return trials_of(kExpandedSweep + "prune: {method: magnitude, " + prune + "}\n").at(1).config->prune->rounds;
  };
  EXPECT_EQ(rounds("sparsity: 0.9").at(0), (PruneTarget{26620, {}}));
  EXPECT_EQ(rounds("sparsity: 0.9, allocation: uniform").at(0), (PruneTarget{26620, {23520, 3000, 100}}));
  EXPECT_EQ(rounds("allocation: {fc1: 0.9, fc3: 0.5}").at(0), (PruneTarget{23520 + 30000 + 500, {23520, 30000, 500}}));
  const auto two = rounds("sparsity: 0.75, allocation: uniform, schedule: {iterative: {rounds: 2}}");
  EXPECT_EQ(two.at(0), (PruneTarget{133100, {117600, 15000, 500}}));
  EXPECT_EQ(two.at(1), (PruneTarget{66550, {58800, 7500, 250}}));
}

TEST(ExpandTrials, a_table_of_sparsities_names_its_own_target) {
  const auto trials = trials_of(kExpandedSweep + "prune: {method: magnitude, allocation: {fc1: 0.9, fc3: 0.5}}\n");
  EXPECT_EQ(trials.at(1).config->prune->allocation, "table");
  EXPECT_DOUBLE_EQ(trials.at(1).config->prune->sparsity_target, 0.797070);  // 1 - 54020 / 266200
}

TEST(ExpandTrials, criteria_that_look_at_data_are_told_how_much) {
  const auto prune_config = [](const std::string& prune) {
    return *trials_of(kExpandedSweep + "prune: {sparsity: 0.5, " + prune + "}\n").at(1).config->prune;
  };
  EXPECT_EQ(prune_config("method: magnitude").batches, 0);
  EXPECT_EQ(prune_config("method: snip").batches, 1);
  EXPECT_EQ(prune_config("method: snip").batch_size, 60);
  EXPECT_EQ(prune_config("method: snip, batches: 4, batch_size: 100").batch_size, 100);
  EXPECT_EQ(prune_config("method: magnitude, criterion: gradient").criterion, "gradient");
  EXPECT_EQ(prune_config("method: magnitude").at_step, 3 * 917);
  EXPECT_EQ(prune_config("method: snip, at: init").at_step, 0);
  EXPECT_EQ(prune_config("method: snip, at: 1ep").at_step, 917);
}

RetrainConfig retrain_of(const std::string& retrain,
                         const std::string& train = "{lr: 0.1, batch_size: 60, epochs: 3}") {
  return trials_of("sweep: s\ndataset: mnist\nmodel: lenet-300-100\nseeds: 1\ntrain: " + train +
                   "\nprune: {method: magnitude, sparsity: 0.5}\nretrain: " + retrain + "\n")
      .at(1)
      .config->retrain;
}

TEST(ExpandTrials, rewinding_repeats_the_training_from_a_step) {
  const RetrainConfig retrain = retrain_of("{rewind: {to: 500it}}");
  EXPECT_EQ(retrain.name, "rewind 500it");
  EXPECT_EQ(retrain.weights, RetrainConfig::Weights::step);
  EXPECT_EQ(retrain.weights_step, 500);
  EXPECT_EQ(retrain.start_step, 500);
  EXPECT_EQ(retrain.recipe->steps, 3 * 917);
  EXPECT_FALSE(retrain.own_data_order);
}

TEST(ExpandTrials, rewinding_the_learning_rate_keeps_the_weights) {
  const RetrainConfig retrain = retrain_of("{lr_rewind: {epochs: 2}}");
  EXPECT_EQ(retrain.name, "lr_rewind 2ep");
  EXPECT_EQ(retrain.weights, RetrainConfig::Weights::pruned);
  EXPECT_EQ(retrain.start_step, 917);
  EXPECT_TRUE(retrain.own_data_order);
  EXPECT_EQ(retrain_of("{lr_rewind: {to: 500it}}").start_step, 500);
}

TEST(ExpandTrials, reinit_trains_fresh_weights_in_full) {
  const RetrainConfig retrain = retrain_of("reinit");
  EXPECT_EQ(retrain.weights, RetrainConfig::Weights::fresh);
  EXPECT_EQ(retrain.start_step, 0);
  EXPECT_EQ(retrain.recipe->steps, 3 * 917);
  EXPECT_FALSE(retrain_of("none").recipe.has_value());
}

TEST(ExpandTrials, finetuning_inherits_the_recipe_and_its_last_learning_rate) {
  const std::string train =
      "{optimizer: sgd, momentum: 0.9, lr: 0.1, batch_size: 60, epochs: 3, weight_decay: 1e-4, warmup: 100it, "
      "lr_schedule: {step: {milestones: [1ep, 2ep, 9ep], gamma: 0.5}}}";
  const RetrainConfig retrain = retrain_of("{finetune: {epochs: 2}}", train);
  EXPECT_EQ(retrain.recipe->steps, 2 * 917);
  EXPECT_DOUBLE_EQ(retrain.recipe->optimizer.lr, 0.025);
  EXPECT_EQ(retrain.recipe->optimizer.momentum, 0.9);
  EXPECT_EQ(retrain.recipe->optimizer.weight_decay, 1e-4);
  EXPECT_EQ(retrain.recipe->lr_schedule, LrScheduleSpec{});
  const RetrainConfig own = retrain_of("{finetune: {steps: 50it, lr: 0.3, batch_size: 100, optimizer: adam}}", train);
  EXPECT_EQ(own.name, "finetune 50it");
  EXPECT_EQ(own.recipe->optimizer.name, "adam");
  EXPECT_EQ(own.recipe->optimizer.momentum, 0);
  EXPECT_EQ(own.recipe->eval_every, 550);
}

TEST(ExpandTrials, a_curve_that_is_too_long_is_refused_before_the_training) {
  const auto sweep = [](const std::string& every) {
    return "sweep: long\ndataset: {name: glyphs, train: 100, validation: 20, test: 20}\nmodel: lenet-300-100\nseeds: "
           "1\n"
           "train: {optimizer: sgd, lr: 0.1, batch_size: 50, steps: 40000, eval_every: " +
           every + "}\n";
  };
  // Five numbers per evaluation, one more evaluation at the end: 100,000 hold 19,999 and the last.
  EXPECT_THAT(problems(sweep("2it")),
              ElementsAre(HasSubstr("eval_every 2it evaluates 20000 times in 40000 steps, and a curve holds 19999 "
                                    "evaluations at most; set eval_every to 3it or more")));
  EXPECT_THAT(problems(sweep("3it")), ElementsAre());
}

TEST(ExpandTrials, what_does_not_fit_is_said_with_its_place) {
  const std::string prune = "prune: {method: magnitude, sparsity: 0.5}\n";
  EXPECT_THAT(
      problems(kExpandedSweep + prune + "retrain: {rewind: {to: 3ep}}\n"),
      ElementsAre("s.yaml:7:24: retrain.rewind.to: goes back to step 2751 of a training of 2751 steps (917 an epoch)"));
  EXPECT_THAT(problems(kExpandedSweep + prune + "retrain: {lr_rewind: {epochs: 4}}\n"),
              ElementsAre("s.yaml:7:10: retrain: goes back to step -917 of a training of 2751 steps (917 an epoch)"));
  EXPECT_THAT(problems(kExpandedSweep + "prune: {method: magnitude, sparsity: 0.5, at: 5ep}\n"),
              ElementsAre("s.yaml:6:47: prune.at: is step 4585 of a training of 2751 steps"));
  EXPECT_THAT(
      problems(kExpandedSweep + "prune: {method: magnitude, allocation: uniform, schedule: {iterative: {rate: 0.2, "
                                "rounds: 3, rates: {fc4: 0.1}}}}\n"),
      ElementsAre(
          HasSubstr("prune.schedule.iterative.rates.fc4: the model has no such layer: unknown \"fc4\"; did you mean "
                    "\"fc1\"? (one of fc1, fc2, fc3)")));
  EXPECT_THAT(
      problems(kExpandedSweep +
               "prune: {method: magnitude, schedule: {iterative: {rate: 0.2, rounds: 3, rates: {fc3: 0.1}}}}\n"),
      ElementsAre(HasSubstr("rates by layer need allocation: uniform, not global")));
  EXPECT_THAT(
      problems(kExpandedSweep + "prune: {method: magnitude, sparsity: [0.5, 0.9999], allocation: uniform}\n"),
      ElementsAre("s.yaml:6:38: prune.sparsity: leaves none of the 1000 weights of fc3 in round 1; prune less"));
  EXPECT_THAT(problems(kExpandedSweep + prune + "controls: [reinit]\n"),
              ElementsAre(HasSubstr("controls: reinit trains new weights")));
  EXPECT_THAT(problems(kExpandedSweep + prune + "retrain: {finetune: {epochs: 1, optimizer: adam}}\n"),
              ElementsAre(HasSubstr("retrain: another optimizer than the training's needs its own lr")));
  EXPECT_THAT(problems(kExpandedSweep, {"train.batch_size=100000"}),
              ElementsAre(HasSubstr("train: batch_size 100000 is more than the 55000 training examples")));
  EXPECT_THAT(problems(kExpandedSweep, {"train.lr_schedule={step: {milestones: [2ep, 1ep]}}"}),
              ElementsAre(HasSubstr("milestones rise from one to the next")));
  EXPECT_THAT(problems(kExpandedSweep, {"train.nesterov=true"}),
              ElementsAre(HasSubstr("nesterov needs a momentum above 0")));
  EXPECT_THAT(problems(kExpandedSweep + prune + "retrain: {finetune: {epochs: 1}}\n", {"train.lr_schedule=cosine"}),
              ElementsAre(HasSubstr("retrain: needs an lr: the training's cosine schedule ends near zero")));
}

TEST(ExpandTrials, a_missing_dataset_is_a_problem_of_its_line_and_asked_for_once) {
  int asked = 0;
  const Expansion expansion =
      expand_trials(spec_of(kExpandedSweep, {"train.lr=[0.1, 0.2, 0.3]"}), [&](const DatasetRequest&) -> DatasetSpec {
        ++asked;
        throw Error(ErrorKind::invalid_input, "train-images-idx3-ubyte: not found in data");
      });
  EXPECT_THAT(texts(expansion.diagnostics),
              ElementsAre("s.yaml:2:10: dataset: train-images-idx3-ubyte: not found in data"));
  EXPECT_TRUE(expansion.trials.empty());
  EXPECT_EQ(asked, 1);
}

TEST(ExpandTrials, a_folder_is_labelled_as_written_and_passed_on_as_absolute) {
  const TrialConfig config = *trials_of(kExpandedSweep, {"dataset={idx: ./fashion/../fm}"}).at(0).config;
  EXPECT_EQ(config.dataset_name, "idx:./fashion/../fm");
  EXPECT_EQ(*config.dataset_path, (std::filesystem::current_path() / "fm").string());
}

TEST(ExpandTrials, two_datasets_of_equal_content_are_refused) {
  EXPECT_THAT(problems(kExpandedSweep, {"dataset=[{idx: a}, {idx: b}]"}),
              ElementsAre("--set dataset: dataset: idx:b has the same content as idx:a; keep one of them"));
}

TEST(ExpandTrials, a_sweep_without_end_is_refused) {
  EXPECT_THAT(problems(kExpandedSweep + "prune: {method: magnitude, sparsity: [0.5, 0.9]}\n", {"seeds=1000000"}),
              ElementsAre("s.yaml:1:1: has more than a million trials; use fewer values or seeds"));
}

TEST(ExpandTrials, augmentation_is_part_of_a_recipe_and_inherited_by_finetune) {
  const std::string sweep =
      kExpandedSweep +
      "dense: false\ncontrols: []\nprune: {method: magnitude, sparsity: 0.5}\n"
      "retrain: [{finetune: {epochs: 1}}, {finetune: {epochs: 1, augment: none}}, {rewind: {to: init}}]\n";
  const auto plain = trials_of(sweep);
  const auto none = trials_of(sweep, {"train.augment=none"});
  const auto cropped = trials_of(sweep, {"train.augment=crop_flip"});
  ASSERT_EQ(cropped.size(), plain.size());
  for (std::size_t i = 0; i < plain.size(); ++i) {
    EXPECT_EQ(none[i].key, plain[i].key);
    EXPECT_NE(cropped[i].key, plain[i].key);
    EXPECT_EQ(plain[i].config->train.augment, "");
    EXPECT_EQ(cropped[i].config->train.augment, "crop_flip");
    EXPECT_EQ(cropped[i].config->retrain.recipe->augment, i == 1 ? "" : "crop_flip") << describe(cropped[i]);
  }
  int augmented = 0, plainly = 0;
  const StageGraph graph = build_stage_graph(cropped);
  for (const Stage& stage : graph.stages) {
    if (stage.kind != StageKind::train) continue;
    ++(parse_spec<TrainSpec>(*stage.spec).augment == "crop_flip" ? augmented : plainly);
  }
  EXPECT_EQ(augmented, 3);  // the dense training, one finetune and the rewound training
  EXPECT_EQ(plainly, 1);
}

TEST(ExpandTrials, whole_units_leave_unless_their_zeros_are_asked_for) {
  const auto compute_of = [](const std::string& prune, const std::string& more = "") {
    const auto trials = trials_of(kExpandedSweep + "prune: {method: magnitude, sparsity: 0.5, " + prune + "}\n" + more);
    EXPECT_EQ(trials.at(0).config->compute, "") << "nothing is removed from the dense network";
    return trials.at(1).config->compute;
  };
  EXPECT_EQ(compute_of("granularity: channel"), kShrunk);
  EXPECT_EQ(compute_of("granularity: channel", "compute: masked\n"), "");
  EXPECT_EQ(compute_of("granularity: channel", "compute: shrunk\n"), kShrunk);
  EXPECT_EQ(compute_of("granularity: weight"), "");
  EXPECT_EQ(compute_of("granularity: row"), "");
  EXPECT_EQ(compute_of("granularity: channel, schedule: {cubic: {start: 0it, end: 100it, every: 50it}}"), "");
  const auto both = trials_of(kExpandedSweep + "prune: {method: magnitude, sparsity: 0.5, granularity: channel}\n" +
                              "compute: [masked, shrunk]\ncontrols: []\ndense: false\n");
  EXPECT_NE(both.at(0).key, both.at(1).key);
  EXPECT_EQ(both.at(1).config->variant, "compute=shrunk");
  EXPECT_THAT(problems(kExpandedSweep + "prune: {method: magnitude, sparsity: 0.5}\ncompute: shrunk\n"),
              ElementsAre(HasSubstr("granularity weight removes none as a whole; use channel, head or layer")));
  EXPECT_THAT(problems(kExpandedSweep + "compute: shrunk\n"), ElementsAre(HasSubstr("compute: is not used")));
}

TEST(ExpandTrials, only_images_are_augmented) {
  EXPECT_THAT(problems(kExpandedSweep, {"dataset={tensors: x.safetensors}", "train.augment=crop_flip"}),
              ElementsAre("s.yaml:5:8: train: augment crop_flip moves and mirrors images; the examples of tensors are "
                          "rows of 64 numbers"));
  EXPECT_THAT(problems(kExpandedSweep, {"train.augment=flip"}),
              ElementsAre(HasSubstr("train.augment: unknown \"flip\" (one of none, crop_flip)")));
}

// Never edited to make a test pass: it names the rows of every database out there. Computed by Python, as in
// trial_key.h.
TEST(ExpandTrials, pinned_trial_keys) {
  const auto trials = trials_of(kExpandedSweep + "prune: {method: magnitude, sparsity: 0.9}\n");
  EXPECT_EQ(to_hex(trials.at(0).key), "d15a836fe7e09455c40beec258be24efacfb0d5e44b77daffadd92423ada0c01");
  EXPECT_EQ(to_hex(trials.at(1).key), "e8faa5fb6c8fcdd10a642327cd2c0adc178bd7c78da594361d3eaeb376d3c087");
}

}  // namespace
}  // namespace espalier
