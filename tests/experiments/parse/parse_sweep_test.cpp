#include "experiments/parse/parse_sweep.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <string>
#include <vector>

#include <gmock/gmock.h>

#include "experiments/parse/override.h"
#include "tests/experiments/sweep_story.h"

namespace espalier {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

const std::string kHead = "sweep: s\ndataset: mnist\nmodel: lenet-300-100\n";
const std::string kTrainLine = "train: {lr: 0.1, batch_size: 60, epochs: 2}\n";

TEST(ParseSweep, a_sweep_as_a_user_writes_it) {
  const SweepSpec spec = spec_of(R"(
sweep: mnist-curves
dataset: mnist
model: lenet-300-100
seeds: [0, 1, 7]
train: {optimizer: adam, lr: 1.2e-3, batch_size: 60, epochs: 5}
prune:
  method: [magnitude, gradient, snip]
  sparsity: [0.5, 0.8, 0.9]
  allocation: global
  schedule: [one_shot, {iterative: {rounds: 5}}]
retrain: {finetune: {epochs: 2}}
)");
  EXPECT_EQ(spec.name, "mnist-curves");
  EXPECT_THAT(spec.seeds, ElementsAre(0, 1, 7));
  EXPECT_THAT(spec.train.lr.values, ElementsAre(1.2e-3));
  std::vector<std::string> methods;
  for (const CriterionSetting& setting : spec.prune->method.values) methods.push_back(setting.name);
  EXPECT_THAT(methods, ElementsAre("magnitude", "gradient", "snip"));
  EXPECT_EQ(spec.prune->schedule.values.at(1).rounds, 5);
  EXPECT_EQ(spec.retrain.values.at(0).finetune.epochs->epochs, 2);
  EXPECT_THAT(spec.controls, ElementsAre(Control::random));
  EXPECT_EQ(spec.axes.size(), 3U);
  EXPECT_TRUE(spec.dense);
}

TEST(ParseSweep, every_problem_is_reported_at_once_with_its_place) {
  EXPECT_THAT(
      problems(R"(sweep: s
dataset: mnst
model: lenet-300-100
seeds: 0
train: {optimizer: adamw, lr: fast, batch_size: 60, epochs: 2, epohcs: 3}
prune:
  method: [magnitude, snp]
  sparsity: [0.5, 1.2, 90]
)"),
      ElementsAre(
          "s.yaml:2:10: dataset: unknown \"mnst\"; did you mean \"mnist\"? (one of mnist, fashion_mnist, cifar10, idx, "
          "tensors, glyphs)",
          "s.yaml:5:20: train.optimizer: unknown \"adamw\"; did you mean \"adam\"? (one of sgd, adam)",
          "s.yaml:5:31: train.lr: expected a number above 0 and at most 1000, found the text \"fast\"",
          HasSubstr("s.yaml:5:64: train.epohcs: unknown \"epohcs\"; did you mean \"epochs\"? (one of optimizer, lr"),
          "s.yaml:4:8: seeds: expected an integer from 1 to 1000000, found 0",
          HasSubstr(
              "s.yaml:7:23: prune.method[1]: unknown \"snp\"; did you mean \"snip\"? (one of magnitude, random, "),
          "s.yaml:8:19: prune.sparsity[1]: expected a number from 0 and below 1: the fraction removed, found "
          "1.2",
          "s.yaml:8:24: prune.sparsity[2]: expected a number from 0 and below 1: the fraction removed "
          "(90 % is written 0.9), found 90"));
}

TEST(ParseSweep, missing_keys_say_what_belongs_there) {
  EXPECT_THAT(
      problems("sweep: s\n"),
      ElementsAre(
          "s.yaml:1:1: dataset: is missing: what to train on (mnist, fashion_mnist, cifar10, idx, tensors, glyphs)",
          HasSubstr("s.yaml:1:1: model: is missing: the network (lenet-300-100, lenet-5, mlp, conv-2"),
          "s.yaml:1:1: train: is missing: the recipe, as in {optimizer: sgd, lr: 0.1, epochs: 5}"));
  EXPECT_THAT(
      problems(kHead + "train: {optimizer: sgd}\n"),
      ElementsAre("s.yaml:4:8: train.lr: is missing: the learning rate, as in lr: 0.1",
                  "s.yaml:4:8: train.epochs: is missing: how long to train, as in epochs: 5 (or steps: 2000it)"));
  EXPECT_THAT(problems(kHead + kTrainLine + "prune: {}\n"),
              ElementsAre(HasSubstr("prune.method: is missing"), HasSubstr("prune.sparsity: is missing")));
}

TEST(ParseSweep, a_key_without_a_value_is_an_empty_map) {
  const auto no_prune = ElementsAre(HasSubstr("prune.method: is missing"), HasSubstr("prune.sparsity: is missing"));
  const auto no_train = ElementsAre(HasSubstr("train.lr: is missing"), HasSubstr("train.epochs: is missing"));
  EXPECT_THAT(problems(kHead + kTrainLine + "prune:\n"), no_prune);
  EXPECT_THAT(problems(kHead + kTrainLine, {"prune="}), no_prune);
  EXPECT_THAT(problems(kHead + "train:\n"), no_train);
  EXPECT_THAT(problems(kHead + kTrainLine, {"train="}), no_train);
}

TEST(ParseSweep, keys_that_nothing_uses_are_problems) {
  EXPECT_THAT(problems(kHead + "train: {optimizer: adam, lr: 0.1, epochs: 2, momentum: 0.9}\n"),
              ElementsAre("s.yaml:4:56: train.momentum: is not used: it belongs to sgd"));
  EXPECT_THAT(problems(kHead + kTrainLine + "retrain: none\n"),
              ElementsAre("s.yaml:5:10: retrain: is not used: nothing is pruned without `prune`"));
  EXPECT_THAT(problems(kHead + kTrainLine + "prune: {method: magnitude, sparsity: 0.5, batches: 4}\n"),
              ElementsAre("s.yaml:5:52: prune.batches: is not used: no criterion here looks at data"));
  EXPECT_THAT(problems(kHead + kTrainLine + "prune: {method: magnitude, sparsity: 0.5, allocation: {fc1: 0.9}}\n"),
              ElementsAre(HasSubstr("prune.sparsity: is not used: allocation gives each layer's sparsity")));
  EXPECT_THAT(problems("sweep: s\nmodel: lenet-5\ndataset: {name: mnist, seed: 3}\n" + kTrainLine),
              ElementsAre("s.yaml:3:30: dataset.seed: is for glyphs, which are generated; mnist is read from files"));
  EXPECT_THAT(problems(kHead + kTrainLine + "dense: false\n"), ElementsAre(HasSubstr("nothing to run")));
}

TEST(ParseSweep, how_far_to_prune_is_said_once) {
  const std::string base = kHead + kTrainLine + "prune: {method: magnitude, ";
  EXPECT_THAT(problems(base + "schedule: {linear: {rounds: 3}}}\n"),
              ElementsAre(HasSubstr("prune.sparsity: is missing")));
  EXPECT_THAT(problems(base + "sparsity: 0.9, schedule: {iterative: {rate: 0.2, rounds: 3}}}\n"),
              ElementsAre(HasSubstr("rate and rounds say how far to prune, and so does sparsity")));
  EXPECT_THAT(problems(base + "sparsity: 0.9, schedule: iterative}\n"), ElementsAre(HasSubstr("expected rounds")));
  EXPECT_THAT(problems(base + "allocation: {fc1: 0.9}, schedule: {iterative: {rate: 0.2}}}\n"),
              ElementsAre(HasSubstr("a table of sparsities goes with a number of rounds")));
  EXPECT_THAT(problems(base + "sparsity: 0.9, schedule: {cubic: {rate: 0.2}}}\n"),
              ElementsAre(HasSubstr("cubic.rounds: is missing"),
                          HasSubstr("unknown \"rate\" (one of start, end, every, rounds, initial)")));
}

TEST(ParseSweep, options_of_criteria_are_in_their_ranges) {
  const std::string base = kHead + kTrainLine + "prune: {sparsity: 0.5, method: ";
  const auto said = [&](const std::string& method, const std::string& text) {
    EXPECT_THAT(problems(base + method + "}\n"), ElementsAre(HasSubstr(text))) << method;
  };
  said("{grasp: {temperature: 0}}", "s.yaml:5:54: prune.method.grasp.temperature: expected a number above 0");
  said("{grasp: {temperature: -200}}", "found -200");
  said("{synflow: {rounds: 0}}", "prune.method.synflow.rounds: expected an integer from 1 to 10000, found 0");
  said("{synflow: {rounds: 2.5}}", "expected an integer from 1 to 10000, found 2.5");
  said("{synflow: {rounds: 10001}}", "expected an integer from 1 to 10000");
  said("{synflow: {float64: 2}}", "float64: expected an integer from 0 to 1, found 2");
  said("{synflow: {density: 1}}", "density: expected a number from 0 and below 1, found 1");
  said("{movement: {lr: 0}}", "prune.method.movement.lr: expected a number above 0");
  said("{obs: {damping: -0.001}}", "prune.method.obs.damping: expected a number from 0");
  said("{sparsegpt: {damping: 1e7}}", "prune.method.sparsegpt.damping: expected a number from 0");
  said("[magnitude, {sparsegpt: {blocksize: 0}}]",
       "prune.method[1].sparsegpt.blocksize: expected an integer from 1 to 65536, found 0");
  const SweepSpec spec = spec_of(base +
                                 "[{synflow: {rounds: 10000, float64: 1, density: 0.99}}, {sparsegpt: {blocksize: "
                                 "65536, damping: 0}}, {grasp: {temperature: 1e-3}}]}\n");
  ASSERT_EQ(spec.prune->method.values.size(), 3U);
  EXPECT_THAT(spec.prune->method.values[0].options,
              ElementsAre(Pair("density", 0.99), Pair("float64", 1), Pair("rounds", 10000)));
  EXPECT_THAT(spec.prune->method.values[1].options, ElementsAre(Pair("blocksize", 65536), Pair("damping", 0)));
}

TEST(ParseSweep, types_are_checked) {
  EXPECT_THAT(problems("sweep: [a]\ndataset: {idx: }\nmodel: {a: 1}\ntrain: 5\n"),
              ElementsAre(HasSubstr("sweep: expected a name"), HasSubstr("dataset.idx: expected a text"),
                          HasSubstr("dataset: idx needs its folder"),
                          HasSubstr("model.torchscript: is missing: the model's file"),
                          HasSubstr("model.a: unknown \"a\""), HasSubstr("train: expected a map of keys, found 5")));
  EXPECT_THAT(problems(kHead + "train: {lr: \"0.1\", batch_size: 1.5, epochs: 1e3, nesterov: yes}\n"),
              ElementsAre(HasSubstr("train.lr: expected a number"), HasSubstr("train.nesterov: expected true or false"),
                          HasSubstr("train.batch_size: expected an integer from 1"),
                          HasSubstr("train.epochs: expected an integer from 1")));
  EXPECT_THAT(problems(kHead + "train: {lr: 0.1, steps: 5min, warmup: -3}\n"),
              ElementsAre(HasSubstr("train.steps: expected a length of training"),
                          HasSubstr("train.warmup: expected a length of training")));
  EXPECT_THAT(problems(kHead + "train: {lr: [0.1, [0.2]], epochs: []}\n"),
              ElementsAre(HasSubstr("train.lr[1]: expected a number"), HasSubstr("train.epochs: holds an empty list")));
  EXPECT_THAT(problems(kHead + "train: {lr: [0.1, 0.1], epochs: 1}\n"), ElementsAre(HasSubstr("0.1 is listed twice")));
}

TEST(ParseSweep, a_dataset_comes_from_one_place) {
  const auto with = [](const std::string& dataset) {
    return problems("sweep: x\ndataset: " + dataset + "\nmodel: lenet-300-100\n" + kTrainLine);
  };
  EXPECT_THAT(with("{tensors: my/data.safetensors, validation: 100}"), IsEmpty());
  EXPECT_THAT(with("{tensors: }"),
              ElementsAre(HasSubstr("dataset.tensors: expected a text"), HasSubstr("dataset: tensors needs its file")));
  EXPECT_THAT(with("tensors"), ElementsAre(HasSubstr("tensors needs its file: {tensors: path/to/file.safetensors}")));
  EXPECT_THAT(with("{tensors: a, idx: b}"), ElementsAre(HasSubstr("expected one of `name`, as in {name: glyphs}")));
  EXPECT_THAT(with("{name: cifar10, seed: 1}"), ElementsAre(HasSubstr("is for glyphs, which are generated")));
}

TEST(ParseSweep, a_value_in_another_spelling_is_the_same_value) {
  EXPECT_THAT(problems(kHead + "train: {lr: [0.1, 1e-1], epochs: 1}\n"),
              ElementsAre("s.yaml:4:19: train.lr[1]: 1e-1 is listed twice: 0.1 is the same"));
  EXPECT_THAT(problems(kHead + kTrainLine + "prune: {method: magnitude, sparsity: [0.9, 0.90, 0.5]}\n"),
              ElementsAre(HasSubstr("prune.sparsity[1]: 0.90 is listed twice: 0.9 is the same")));
  EXPECT_THAT(problems(kHead + kTrainLine +
                       "prune: {method: magnitude, sparsity: 0.9}\n"
                       "retrain: [{finetune: {epochs: 1, lr: 0.1}}, {finetune: {lr: 0.10, epochs: 1}}]\n"),
              ElementsAre(HasSubstr("{finetune: {epochs: 1, lr: 0.1}} is the same")));
}

TEST(ParseSweep, equal_numbers_are_one_value) {
  const auto sparsities = [](const std::string& list) {
    return problems(kHead + kTrainLine + "prune: {method: magnitude, sparsity: " + list + "}\n");
  };
  EXPECT_THAT(sparsities("[0.9, 0.90000000000000002]"),
              ElementsAre(HasSubstr("prune.sparsity[1]: 0.90000000000000002 is listed twice: 0.9 is the same")));
  EXPECT_THAT(sparsities("[0, -0.0, 0.5]"), ElementsAre(HasSubstr("-0.0 is listed twice: 0 is the same")));
  EXPECT_THAT(sparsities("[0.5, 00.5]"), ElementsAre(HasSubstr("00.5 is listed twice: 0.5 is the same")));
  EXPECT_THAT(sparsities("[0.9, 0.9000000000000002]"), IsEmpty());  // another double
  EXPECT_THAT(problems(kHead + "train: {lr: 0.1, epochs: 1, weight_decay: [0, -0.0]}\n"),
              ElementsAre(HasSubstr("-0.0 is listed twice: 0 is the same")));
  EXPECT_THAT(
      problems(kHead + "train: {lr: [1e2, 100], steps: [500, 500it], batch_size: [60, 060]}\n"),
      ElementsAre(HasSubstr("100 is listed twice: 1e2 is the same"), HasSubstr("060 is listed twice: 60 is the same"),
                  HasSubstr("500it is listed twice: 500 is the same")));
  EXPECT_THAT(problems("sweep: s\ndataset: {name: glyphs, seed: [9007199254740992, 9007199254740993]}\nmodel: "
                       "lenet-300-100\n" +
                       kTrainLine),
              IsEmpty());  // whole numbers beyond a double's
}

TEST(ParseSweep, minus_zero_is_zero) {
  const auto bits_of = [](double number) { return std::bit_cast<std::uint64_t>(number); };
  const std::string with = kHead + "train: {lr: 0.1, epochs: 1, weight_decay: ";
  EXPECT_EQ(trials_of(with + "-0.0}\n").at(0).key, trials_of(with + "0}\n").at(0).key);
  EXPECT_EQ(bits_of(trials_of(with + "-0.0}\n").at(0).config->train.optimizer.weight_decay), 0U);
  const std::vector<Trial> trials = trials_of(kHead + kTrainLine + "prune: {method: magnitude, sparsity: -0.0}\n");
  const auto pruned = std::ranges::find_if(trials, [](const Trial& trial) { return trial.config->prune.has_value(); });
  ASSERT_NE(pruned, trials.end());
  EXPECT_EQ(bits_of(pruned->config->prune->sparsity_target), 0U);
}

TEST(ParseSweep, what_is_empty_is_said_to_be) {
  EXPECT_THAT(problems(kHead + "train: {lr: 0.1, epochs: 1, lr_schedule: {step: {milestones: []}}}\n"),
              ElementsAre(HasSubstr("expected a list of steps, as in [2ep, 4ep], found an empty list")));
  for (const char* key : {"when", "exclude", "zip"}) {
    EXPECT_THAT(problems(kHead + kTrainLine + key + ": []\n"), ElementsAre(HasSubstr("found an empty list"))) << key;
    EXPECT_THAT(problems(kHead + kTrainLine + key + ": {}\n"), ElementsAre(HasSubstr("found an empty map"))) << key;
  }
  EXPECT_THAT(problems(kHead + kTrainLine + "exclude: [{}]\n"), ElementsAre(HasSubstr("found an empty map")));
  EXPECT_THAT(problems(kHead + kTrainLine + "seeds: {}\n"), ElementsAre(HasSubstr("found an empty map")));
}

TEST(ParseSweep, what_cannot_be_seen_is_named) {
  const auto trained = [](const std::string& lines) { return problems(kHead + "train:\n" + lines); };
  EXPECT_THAT(trained("  lr: 0.1\u00a0\n  epochs: 1\n"),
              ElementsAre(HasSubstr("5:7: train.lr: expected a number above 0 and at most 1000, found the text "
                                    "\"0.1\\u00a0\" (\\u00a0 is a no-break space)")));
  EXPECT_THAT(trained("  lr:\u00a0 0.1\n  epochs: 1\n"),
              ElementsAre(HasSubstr("\\u00a0 is a no-break space in line 5, no blank: type it anew")));
  EXPECT_THAT(trained("\u00a0 \u00a0 lr: 0.1\n\u00a0 \u00a0 epochs: 1\n"),
              testing::Contains(HasSubstr("unknown \"\\u00a0 \\u00a0 lr\" (\\u00a0 is a no-break space)")));
  EXPECT_THAT(trained("  lr: 0.1\n  epochs: \u200b1\n"),
              ElementsAre(HasSubstr("\"\\u200b1\" (\\u200b is a zero-width space)")));
  EXPECT_THAT(problems("sweep: \"a\\e[31mRED\\e[0m\\rspoof\\n\"\n"),
              testing::Contains("s.yaml:1:8: sweep: expected a name of letters, digits, - _ and . (at most 100), found "
                                "the text \"a\\x1b[31mRED\\x1b[0m\\x0dspoof\\n\""));
  for (const std::string& problem : problems("\"tr\\x9bain\\n\": 1\n\"\\e[2J\": {\"\\u202e\": 2}\n")) {
    EXPECT_EQ(problem.find_first_of("\x1b\n"), std::string::npos) << problem;
    EXPECT_EQ(problem.find("\xc2\x9b"), std::string::npos) << problem;
  }
  EXPECT_THAT(problems("sweep: s\ndataset: {idx: \"d\\x9b1m\"}\nmodel: lenet-300-100\n" + kTrainLine),
              testing::Contains(HasSubstr("without control characters, found the text \"d\\x9b1m\"")));
  EXPECT_THAT(problems(kHead + "# not \u00a0 in comments\n" + kTrainLine), IsEmpty());
}

TEST(ParseSweep, a_word_in_the_wrong_place_or_of_another_program_gets_a_guess) {
  const std::string yaml = kHead + kTrainLine;
  EXPECT_THAT(problems(yaml, {"lr=0.2"}),
              ElementsAre(HasSubstr("--set lr: lr: unknown \"lr\"; did you mean \"train.lr\"? (one of sweep, ")));
  EXPECT_THAT(problems(yaml, {"learning_rate=0.2"}), ElementsAre(HasSubstr("did you mean \"train.lr\"?")));
  EXPECT_THAT(problems(yaml, {"train.learning_rate=0.2"}), ElementsAre(HasSubstr("did you mean \"lr\"?")));
  EXPECT_THAT(problems(yaml, {"dataset=MNIST"}), ElementsAre(HasSubstr("did you mean \"mnist\"?")));
  EXPECT_THAT(problems(yaml, {"model=lenet300"}), ElementsAre(HasSubstr("did you mean \"lenet-300-100\"?")));
  EXPECT_THAT(problems(yaml, {"training=1"}), ElementsAre(HasSubstr("did you mean \"train\"?")));
  EXPECT_THAT(problems(yaml + "prune: {method: l1, sparsity: 0.5, allocation: layerwise}\n"),
              ElementsAre(HasSubstr("did you mean \"magnitude\"?"), HasSubstr("did you mean \"uniform\"?")));
}

TEST(ParseSweep, values_may_come_again_in_keys_that_advance_together) {
  const std::string methods = kHead + kTrainLine + "prune: {method: [magnitude, snip, magnitude], sparsity: 0.5, at: ";
  const std::string zip = "zip: [[prune.method, prune.at]]\n";
  const std::vector<Trial> trials =
      trials_of(methods + "[trained, init, init]}\ncontrols: []\ndense: false\nseeds: 1\n" + zip);
  EXPECT_THAT(described(trials), ElementsAre("magnitude 0.5 one_shot/1 none seed 0", "snip 0.5 one_shot/1 none seed 0",
                                             "magnitude 0.5 one_shot/1 none seed 0"));
  std::vector<std::int64_t> steps;
  for (const Trial& trial : trials) steps.push_back(trial.config->prune->at_step);
  EXPECT_THAT(steps, ElementsAre(trials[0].config->train.steps, 0, 0));
  EXPECT_THAT(problems(methods + "[trained, init, trained]}\n" + zip),
              ElementsAre(HasSubstr("zip[0]: the values of number 3 are those of number 1; leave one of them out")));
  EXPECT_THAT(problems(methods + "[trained, init, 100it]}\n"),
              ElementsAre(HasSubstr("prune.method[2]: magnitude is listed twice")));
}

TEST(ParseSweep, lengths_are_epochs_and_steps) {
  const auto steps = [](const std::string& text) {
    return trials_of(kHead + "seeds: 1\ntrain: {lr: 0.1, batch_size: 60, steps: " + text + "}\n")
        .at(0)
        .config->train.steps;
  };
  EXPECT_EQ(steps("500it"), 500);
  EXPECT_EQ(steps("500"), 500);
  EXPECT_EQ(steps("5ep"), 5 * 917);  // ceil(55000 / 60)
  EXPECT_EQ(steps("2ep50it"), 2 * 917 + 50);
}

TEST(ParseSweep, a_models_sizes_are_part_of_its_name) {
  const std::string start = "sweep: s\ndataset: mnist\nmodel: ";
  EXPECT_THAT(problems(start + "[mlp-8-4, transformer-1x8x2, transformer]\n" + kTrainLine), IsEmpty());
  EXPECT_THAT(problems(start + "mlps-8\n" + kTrainLine),
              ElementsAre(HasSubstr("s.yaml:3:8: model: unknown \"mlps-8\"")));
  EXPECT_THAT(problems(start + "lenet-5-8\n" + kTrainLine), ElementsAre(HasSubstr("did you mean \"lenet-5\"?")));
}

TEST(ParseSweep, overrides_replace_a_value_and_are_named_by_their_problems) {
  const std::string yaml = kHead + kTrainLine + "prune: {method: magnitude, sparsity: 0.5}\n";
  const SweepSpec spec =
      spec_of(yaml, {"train.epochs=7", "prune.sparsity=[0.5, 0.9]", "retrain.finetune.epochs=1", "seeds=2"});
  EXPECT_EQ(spec.train.epochs.values.at(0).epochs, 7);
  EXPECT_THAT(spec.prune->sparsity.values, ElementsAre(0.5, 0.9));
  EXPECT_EQ(spec.retrain.values.at(0).form, RetrainSetting::Form::finetune);
  EXPECT_THAT(
      problems(yaml, {"train.epochs=many"}),
      ElementsAre("--set train.epochs: train.epochs: expected an integer from 1 to 1000000, found the text \"many\""));
  EXPECT_THAT(problems(yaml, {"train.epocs=2"}),
              ElementsAre(HasSubstr("--set train.epocs: train.epocs: unknown \"epocs\"")));
  EXPECT_THAT(problems(yaml, {"epochs"}), ElementsAre("--set epochs: expected KEY=VALUE, as in train.epochs=2"));
  EXPECT_THAT(problems(yaml, {"seeds=[1"}),
              ElementsAre(HasSubstr("--set seeds: seeds: a key is one word; is a bracket")));
  EXPECT_THAT(problems(yaml, {"seeds.first=2"}),
              ElementsAre(HasSubstr("--set seeds.first: seeds: expected an integer")));
  EXPECT_THAT(
      problems(yaml, {"model.name=x"}),
      ElementsAre("--set model.name: model.name: model is the text \"lenet-300-100\", not a map; set it as a whole"));
}

TEST(ParseSweep, notes_of_earlier_versions_at_the_end_of_a_text_are_overrides) {
  EXPECT_THAT(noted_overrides("sweep: s # --set a=1\n# --set train.epochs=1\n# --set prune.sparsity=[0.5,  0.9]\n"),
              ElementsAre("train.epochs=1", "prune.sparsity=[0.5,  0.9]"));
  EXPECT_THAT(noted_overrides("# --set a=1\nsweep: s\n"), IsEmpty());
}

TEST(ParseSweep, sweeps_without_pruning_are_fine) {
  EXPECT_THAT(problems(kHead + kTrainLine), IsEmpty());
  EXPECT_THAT(described(trials_of(kHead + kTrainLine)), ElementsAre("dense seed 0", "dense seed 1", "dense seed 2"));
}

}  // namespace
}  // namespace espalier
