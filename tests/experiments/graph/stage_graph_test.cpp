#include "experiments/graph/stage_graph.h"

#include <filesystem>
#include <set>
#include <utility>

#include <gmock/gmock.h>

#include "tests/experiments/sweep_story.h"

namespace espalier {
namespace {

using testing::ElementsAre;

const std::string kGraphSweep =
    "sweep: s\ndataset: mnist\nmodel: lenet-300-100\nseeds: 1\ntrain: {lr: 0.1, batch_size: 60, epochs: 3}\n";

/// "5 train (w1 m4) steps 500..2751": what a stage is made from, one line each.
std::string line_of(const StageGraph& graph, StageIndex index) {
  const Stage& stage = graph.stages[index];
  std::string text = std::to_string(index) + " " + std::string(to_string(stage.kind));
  for (const StageInput& input : stage.inputs) {
    text += (input.role == InputRole::weights ? " w" : " m") + std::to_string(input.stage);
  }
  if (stage.kind == StageKind::train) {
    const TrainSpec spec = parse_spec<TrainSpec>(*stage.spec);
    text += " " + std::to_string(spec.start_step) + ".." + std::to_string(spec.end_step);
    if (spec.phase > 0) text += " phase " + std::to_string(spec.phase);
  }
  if (stage.kind == StageKind::prune)
    text += " to " + std::to_string(parse_spec<PruneSpec>(*stage.spec).target.total_kept);
  if (stage.kind == StageKind::init) text += " " + parse_spec<InitSpec>(*stage.spec).stream;
  if (stage.resume_from) text += " resumes " + std::to_string(*stage.resume_from);
  if (stage.keep_resume_state) text += " kept";
  return text;
}

std::vector<std::string> lines(const StageGraph& graph) {
  std::vector<std::string> all;
  for (StageIndex i = 0; i < graph.stages.size(); ++i) all.push_back(line_of(graph, i));
  return all;
}

void expect_sound(const std::vector<Trial>& trials, const StageGraph& graph) {
  std::set<StageKey> keys;
  ASSERT_EQ(trials.size(), graph.trials.size());
  for (StageIndex i = 0; i < graph.stages.size(); ++i) {
    const Stage& stage = graph.stages[i];
    EXPECT_TRUE(keys.insert(stage.key).second) << "stage " << i << " is there twice";
    for (const StageInput& input : stage.inputs) EXPECT_LT(input.stage, i);
    if (stage.resume_from) {
      EXPECT_LT(*stage.resume_from, i);
    }
    EXPECT_GT(stage.cost, 0);
  }
  for (const TrialStages& trial : graph.trials) EXPECT_EQ(graph.stages[trial.evaluate].kind, StageKind::evaluate);
}

StageGraph graph_of(const std::string& yaml, const std::vector<std::string>& overrides = {}) {
  const std::vector<Trial> trials = trials_of(yaml, overrides);
  StageGraph graph = build_stage_graph(trials);
  expect_sound(trials, graph);
  return graph;
}

TEST(StageGraph, one_dense_network_serves_every_method_and_sparsity) {
  const StageGraph graph =
      graph_of(kGraphSweep +
               "prune: {method: magnitude, sparsity: [0.5, 0.9]}\ncontrols: []\nretrain: {finetune: {epochs: 1}}\n");
  EXPECT_THAT(lines(graph), ElementsAre("0 init init", "1 train w0 0..2751", "2 evaluate w1", "3 prune w1 to 133100",
                                        "4 train w1 m3 0..917 phase 1", "5 evaluate w4 m3", "6 prune w1 to 26620",
                                        "7 train w1 m6 0..917 phase 1", "8 evaluate w7 m6"));
  EXPECT_EQ(graph.trials.at(1).evaluate, 5U);
  EXPECT_EQ(graph.trials.at(1).masks, 3U);
  EXPECT_EQ(graph.trials.at(1).last_train, 4U);
  EXPECT_EQ(graph.trials.at(2).dense_evaluate, 2U);
  EXPECT_EQ(graph.sharing.stages_before, 3 + 5 + 5);
  EXPECT_EQ(graph.sharing.stages_after, 9);
  EXPECT_EQ(graph.sharing.steps_before, 3 * 2751 + 2 * 917);
  EXPECT_EQ(graph.sharing.steps_after, 2751 + 2 * 917);
  EXPECT_EQ(graph.stages.at(4).label, "retrain lenet-300-100 seed 0 with 133100 weights to step 917");
}

TEST(StageGraph, iterative_rounds_prune_what_the_round_before_left) {
  EXPECT_THAT(
      lines(graph_of(kGraphSweep + "dense: false\ncontrols: []\nretrain: {finetune: {steps: 10}}\n"
                                   "prune: {method: magnitude, sparsity: 0.75, schedule: {iterative: {rounds: 2}}}\n")),
      ElementsAre("0 init init", "1 train w0 0..2751", "2 prune w1 to 133100", "3 train w1 m2 0..10 phase 1",
                  "4 prune w3 m2 to 66550", "5 train w3 m4 0..10 phase 2", "6 evaluate w5 m4"));
}

TEST(StageGraph, without_retraining_every_round_prunes_the_same_weights) {
  EXPECT_THAT(
      lines(graph_of(kGraphSweep + "dense: false\ncontrols: []\n"
                                   "prune: {method: magnitude, sparsity: 0.75, schedule: {iterative: {rounds: 2}}}\n")),
      ElementsAre("0 init init", "1 train w0 0..2751", "2 prune w1 to 133100", "3 prune w1 m2 to 66550",
                  "4 evaluate w1 m3"));
}

TEST(StageGraph, rewinding_to_init_scores_the_trained_ticket_and_goes_back) {
  const StageGraph graph = graph_of(kGraphSweep +
                                    "controls: [reinit]\nretrain: {rewind: {to: init}}\n"
                                    "prune: {method: magnitude, schedule: {iterative: {rate: 0.5, rounds: 2}}}\n");
  EXPECT_THAT(lines(graph),
              ElementsAre("0 init init", "1 train w0 0..2751", "2 evaluate w1", "3 prune w1 to 133100",
                          "4 train w0 m3 0..2751", "5 evaluate w4 m3", "6 prune w4 m3 to 66550",
                          "7 train w0 m6 0..2751", "8 evaluate w7 m6", "9 init reinit", "10 train w9 m3 0..2751",
                          "11 evaluate w10 m3", "12 train w9 m6 0..2751", "13 evaluate w12 m6"));
  EXPECT_EQ(graph.trials.at(4).masks, 6U);
  EXPECT_EQ(graph.trials.at(4).last_train, 12U);
}

TEST(StageGraph, a_rewind_point_cuts_the_dense_training) {
  const StageGraph graph = graph_of(
      kGraphSweep + "controls: []\nretrain: {rewind: {to: 500it}}\nprune: {method: magnitude, sparsity: 0.5}\n");
  EXPECT_THAT(lines(graph),
              ElementsAre("0 init init", "1 train w0 0..500 kept", "2 train w0 0..2751 resumes 1", "3 evaluate w2",
                          "4 prune w2 to 133100", "5 train w1 m4 500..2751", "6 evaluate w5 m4"));
  EXPECT_EQ(graph.stages.at(2).steps, 2251);
  EXPECT_EQ(graph.sharing.steps_before, 2751 + 2751 + 2251);
  EXPECT_EQ(graph.sharing.steps_after, 2751 + 2251);
}

TEST(StageGraph, trainings_of_several_lengths_are_one_trajectory) {
  EXPECT_THAT(lines(graph_of(kGraphSweep, {"train.epochs=[1, 3, 2]"})),
              ElementsAre("0 init init", "1 train w0 0..917 kept", "2 evaluate w1", "3 train w0 0..1834 resumes 1 kept",
                          "4 train w0 0..2751 resumes 3", "5 evaluate w4", "6 evaluate w3"));
  EXPECT_THAT(lines(graph_of(kGraphSweep, {"train.epochs=[1, 3]", "train.lr_schedule=cosine"})),
              ElementsAre("0 init init", "1 train w0 0..917", "2 evaluate w1", "3 train w0 0..2751", "4 evaluate w3"));
}

TEST(StageGraph, shuffle_permutes_the_last_masks) {
  EXPECT_THAT(
      lines(graph_of(kGraphSweep + "dense: false\ncontrols: [shuffle]\nretrain: {finetune: {epochs: 1}}\nprune: "
                                   "{method: magnitude, sparsity: 0.5}\n")),
      ElementsAre("0 init init", "1 train w0 0..2751", "2 prune w1 to 133100", "3 train w1 m2 0..917 phase 1",
                  "4 evaluate w3 m2", "5 shuffle m2", "6 train w1 m5 0..917 phase 1", "7 evaluate w6 m5"));
}

TEST(StageGraph, pruning_at_init_needs_no_dense_training) {
  EXPECT_THAT(
      lines(graph_of(kGraphSweep + "dense: false\ncontrols: []\nretrain: {rewind: {to: init}}\nprune: {method: snip, "
                                   "sparsity: 0.5, at: init}\n")),
      ElementsAre("0 init init", "1 prune w0 to 133100", "2 train w0 m1 0..2751", "3 evaluate w2 m1"));
}

TEST(StageGraph, the_dense_evaluation_is_found_only_where_dense_trials_are) {
  const std::string prune = "prune: {method: magnitude, sparsity: 0.5}\ncontrols: []\n";
  EXPECT_EQ(graph_of(kGraphSweep + prune + "dense: false\n").trials.at(0).dense_evaluate, std::nullopt);
  EXPECT_EQ(graph_of(kGraphSweep + prune).trials.at(1).dense_evaluate, 2U);
}

TEST(StageGraph, a_dense_trial_may_come_after_the_pruned_ones) {
  std::vector<Trial> trials = trials_of(kGraphSweep + "prune: {method: magnitude, sparsity: 0.5}\ncontrols: []\n");
  std::swap(trials.at(0), trials.at(1));
  const StageGraph graph = build_stage_graph(trials);
  expect_sound(trials, graph);
  EXPECT_EQ(graph.trials.at(0).dense_evaluate, graph.trials.at(1).evaluate);
}

TEST(StageGraph, a_longer_chain_contains_the_shorter_one) {
  const std::string prune =
      "dense: false\nretrain: {rewind: {to: init}}\nprune: {method: magnitude, schedule: {iterative: {rate: 0.2, "
      "rounds: ";
  const StageGraph two = graph_of(kGraphSweep + prune + "2}}}\n");
  const StageGraph three = graph_of(kGraphSweep + prune + "3}}}\n");
  std::set<StageKey> keys;
  for (const Stage& stage : three.stages) keys.insert(stage.key);
  for (const Stage& stage : two.stages) EXPECT_TRUE(keys.contains(stage.key)) << stage.label;
}

TEST(StageGraph, folders_travel_with_stages_that_read_data_but_not_in_keys) {
  const std::string yaml = kGraphSweep + "prune: {method: magnitude, sparsity: 0.5}\n";
  const StageGraph here = graph_of(yaml, {"dataset={idx: here}"});
  const StageGraph there = graph_of(yaml, {"dataset={idx: there}"});
  ASSERT_EQ(here.stages.size(), there.stages.size());
  for (std::size_t i = 0; i < here.stages.size(); ++i) EXPECT_EQ(here.stages[i].key, there.stages[i].key);
  EXPECT_EQ(*here.stages.at(1).dataset_path, (std::filesystem::current_path() / "here").string());
  EXPECT_EQ(here.stages.at(0).dataset_path, nullptr);
}

TEST(StageGraph, a_hundred_thousand_trials) {
  const std::string yaml =
      kGraphSweep +
      "retrain: {finetune: {epochs: 2}}\nprune: {method: [magnitude, gradient, snip, random], sparsity: [";
  std::string sparsities = "0.5";
  for (int i = 1; i < 25; ++i) sparsities += ", " + std::to_string(0.5 + 0.015 * i);
  const std::vector<Trial> trials = trials_of(yaml + sparsities + "]}\n", {"seeds=1000"});
  EXPECT_EQ(trials.size(), 1000U + 4 * 25 * 1000);
  const StageGraph graph = build_stage_graph(trials);
  EXPECT_EQ(graph.stages.size(), 3 * 1000U + 3 * 4 * 25 * 1000);
  EXPECT_EQ(graph.sharing.stages_before, 3 * 1000 + 5 * 4 * 25 * 1000);
}

TEST(StageGraph, shuffles_among_units_of_one_size_say_so) {
  std::set<std::string> shuffles;
  for (const Stage& stage : graph_of("sweep: s\ndataset: cifar10\nseeds: 1\ntrain: {lr: 0.1, batch_size: 60, steps: "
                                     "30}\nmodel: resnet-20\nprune: {method: magnitude, sparsity: 0.5, granularity: "
                                     "filter}\ncontrols: [shuffle_network, {shuffle: sized}]\n")
                                .stages) {
    if (stage.kind != StageKind::shuffle) continue;
    const ShuffleSpec spec = parse_spec<ShuffleSpec>(*stage.spec);
    EXPECT_TRUE(spec.across_layers);
    shuffles.insert(spec.equal_sizes ? "sized" : "network");
  }
  EXPECT_THAT(shuffles, ElementsAre("network", "sized"));
}

/// The epochs that the specs of a sweep's stages name, by kind: "prune 2".
std::set<std::string> epochs_of(const std::string& rest) {
  std::set<std::string> epochs;
  for (const Stage& stage :
       graph_of("sweep: s\ndataset: cifar10\nseeds: 1\ntrain: {lr: 0.1, batch_size: 60, steps: 30}\n" + rest).stages) {
    std::int64_t epoch = 1;
    if (stage.kind == StageKind::prune) epoch = parse_spec<PruneSpec>(*stage.spec).epoch;
    if (stage.kind == StageKind::shuffle) epoch = parse_spec<ShuffleSpec>(*stage.spec).epoch;
    if (stage.kind == StageKind::sensitivity) epoch = parse_spec<SensitivitySpec>(*stage.spec).prune.epoch;
    if (const bool trains = stage.kind == StageKind::train; trains && parse_spec<TrainSpec>(*stage.spec).gradual)
      epoch = parse_spec<TrainSpec>(*stage.spec).gradual->prune.epoch;
    if (epoch != 1) epochs.insert(std::string(to_string(stage.kind)) + " " + std::to_string(epoch));
    EXPECT_EQ(stage.spec->find("epoch\":1,") == std::string::npos, true) << *stage.spec;
  }
  return epochs;
}

/// How the network of each prune is computed, in the order of the graph.
std::vector<std::string> prunes_computed(const std::string& prune) {
  std::vector<std::string> computed;
  const StageGraph graph = graph_of(kGraphSweep + "prune: {sparsity: 0.9, schedule: {iterative: {rounds: 3}}, " +
                                    prune + "}\ncontrols: [random]\nretrain: {finetune: {epochs: 1}}\n");
  for (const Stage& stage : graph.stages)
    if (stage.kind == StageKind::prune) computed.push_back(parse_spec<PruneSpec>(*stage.spec).compute);
  return computed;
}

TEST(StageGraph, later_rounds_score_by_data_what_is_left) {
  EXPECT_THAT(prunes_computed("method: snip, granularity: channel"), ElementsAre("", kShrunk, kShrunk, "", "", ""));
  EXPECT_THAT(prunes_computed("method: magnitude, granularity: channel"), ElementsAre("", "", "", "", "", ""))
      << "weights alone are looked at";
  EXPECT_THAT(prunes_computed("method: snip"), ElementsAre("", "", "", "", "", "")) << "no unit leaves";
}

TEST(StageGraph, cases_that_compute_something_else_than_before_say_their_epoch_and_no_others_do) {
  using testing::IsEmpty;
  EXPECT_THAT(epochs_of("model: transformer-2x12x3\nprune: {method: magnitude, sparsity: 0.5}\ncontrols: [shuffle]\n"),
              ElementsAre("prune 2", "shuffle 3"));
  EXPECT_THAT(epochs_of("model: transformer-2x12x3\nprune: {method: magnitude, sparsity: 0.5, schedule: {cubic: {end: "
                        "20, every: 5}}}\ncontrols: []\n"),
              ElementsAre("train 2"));
  EXPECT_THAT(epochs_of("model: lenet-5\nprune: {method: sparsegpt, sparsity: 0.5}\ncontrols: []\n"),
              ElementsAre("prune 2"));
  EXPECT_THAT(epochs_of("model: resnet-20\nprune: {method: magnitude, sparsity: 0.5, granularity: channel}\n"
                        "controls: [shuffle]\n"),
              ElementsAre("shuffle 3"));
  EXPECT_THAT(epochs_of("model: resnet-20\nprune: {method: [magnitude, bn_scale], sparsity: 0.5, granularity: filter}\n"
                        "controls: [reinit]\nretrain: {finetune: {steps: 10}}\n"),
              IsEmpty());
  EXPECT_THAT(epochs_of("model: lenet-5\nprune: {method: [magnitude, snip], sparsity: 0.5, sensitivity: {sparsities: "
                        "[0.5, 0.9]}}\ncontrols: []\n"),
              IsEmpty());
  EXPECT_THAT(epochs_of("model: lenet-5\nprune: {method: magnitude, granularity: filter, sparsity: 0.5, sensitivity: "
                        "{sparsities: [0.55]}}\ncontrols: []\n"),  // 22.5 of 50 filters
              ElementsAre("sensitivity 2"));
}

}  // namespace
}  // namespace espalier
