// What the keys of `prune` come to: exact counts, bounds and dialects.
#include "experiments/expand/prune_points.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

#include <gmock/gmock.h>

#include "experiments/catalog/catalog.h"
#include "experiments/pruning/allocations/allocations.h"
#include "tests/experiments/expand/prune_sweep.h"
#include "tests/experiments/sweep_story.h"

namespace espalier {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<Trial> trials(const std::string& prune, const std::string& rest = "",
                          const std::string& model = "lenet-300-100") {
  return trials_of(prune_sweep(prune, rest, model));
}

PruneConfig prune_config(const std::string& prune, const std::string& rest = "controls: []\n",
                         const std::string& model = "lenet-300-100") {
  const auto made = trials(prune, rest, model);
  return made.empty() ? PruneConfig{} : *made.front().config->prune;
}

auto counts(const std::vector<std::int64_t>& values) {
  return testing::ElementsAreArray(values);
}

// 266,200 weights, 10 % kept: erk's 0.079568 of 235,200, 0.230189 of 30,000 and all of 1,000 add up to 26,620.
TEST(PrunePoints, erk_spreads_the_exact_total) {
  const PruneTarget target = prune_config("method: magnitude, sparsity: 0.9, allocation: erk").rounds.at(0);
  EXPECT_EQ(target.total_kept, 26620);
  EXPECT_THAT(target.layer_kept, counts({18714, 6906, 1000}));
}

TEST(PrunePoints, synflows_dialect_tells_the_density_that_its_rounds_fall_to) {
  EXPECT_DOUBLE_EQ(prune_config("method: synflow, sparsity: 0.9, dialect: synflow").options.at("density"), 1 - 0.9);
  EXPECT_FALSE(prune_config("method: synflow, sparsity: 0.9").options.contains("density"));
}

TEST(PrunePoints, every_round_of_erk_is_exact_and_below_the_one_before) {
  const auto rounds =
      prune_config("method: magnitude, sparsity: 0.95, allocation: er, schedule: {exponential: {rounds: 7}}").rounds;
  std::vector<std::int64_t> before = {235200, 30000, 1000};
  for (std::size_t r = 0; r < rounds.size(); ++r) {
    EXPECT_EQ(rounds[r].total_kept, std::llround(266200 * std::pow(1 - 0.95, (static_cast<double>(r) + 1) / 7))) << r;
    EXPECT_EQ(std::accumulate(rounds[r].layer_kept.begin(), rounds[r].layer_kept.end(), std::int64_t{0}),
              rounds[r].total_kept);
    for (std::size_t i = 0; i < before.size(); ++i) EXPECT_LE(rounds[r].layer_kept[i], before[i]);
    before = rounds[r].layer_kept;
  }
}

// Of 784, 300 and 100 inputs at 0.55: round(352.8), round(135), round(45) of each output.
TEST(PrunePoints, per_row_counts_one_output_and_all_alike) {
  const PruneConfig made = prune_config("method: magnitude, sparsity: 0.55, allocation: per_row");
  EXPECT_EQ(made.ranking, "per_row");
  EXPECT_THAT(made.rounds.at(0).layer_kept, counts({300 * 353, 100 * 135, 10 * 45}));
}

TEST(PrunePoints, lamp_is_a_ranking_of_the_total) {
  const PruneConfig made = prune_config("method: magnitude, sparsity: 0.9, allocation: lamp");
  EXPECT_EQ(made.ranking, "lamp");
  EXPECT_EQ(made.rounds.at(0), PruneTarget{26620});
}

TEST(PrunePoints, tables_take_patterns_and_the_last_that_fits_holds) {
  EXPECT_THAT(prune_config("method: magnitude, allocation: {\"fc*\": 0.5, fc3: 0.2}").rounds.at(0).layer_kept,
              counts({117600, 15000, 800}));
}

TEST(PrunePoints, protected_layers_have_no_counts) {
  const PruneConfig made = prune_config(
      "method: magnitude, sparsity: 0.5, allocation: uniform, protect: [fc1, \"fc?\"]", "controls: []\n", "lenet-5");
  EXPECT_THAT(made.protect, ElementsAre("fc1", "fc2"));
  EXPECT_THAT(made.rounds.at(0).layer_kept, counts({250, 12500}));
}

TEST(PrunePoints, bounds_go_with_a_global_ranking) {
  const auto rounds =
      prune_config(
          "method: magnitude, sparsity: 0.9, min_kept: 0.01, max_kept: {fc1: 0.05}, schedule: {linear: {rounds: 2}}")
          .rounds;
  EXPECT_THAT(rounds.at(1).layer_least, counts({2352, 300, 10}));
  EXPECT_THAT(rounds.at(1).layer_most, counts({11760, 30000, 1000}));
  // Half way: 235,200 - 0.95 * 235,200 / 2 may stay, so that the total of the round can.
  EXPECT_THAT(rounds.at(0).layer_most, counts({123480, 30000, 1000}));
  EXPECT_EQ(rounds.at(0).total_kept, 146410);
}

// Uniform would keep 23,520, 3,000 and 100; fc3 keeps 400 and the others give 300 in proportion.
TEST(PrunePoints, bounds_of_layers_redistribute) {
  const PruneTarget target =
      prune_config("method: magnitude, sparsity: 0.9, allocation: uniform, min_kept: {fc3: 400}").rounds.at(0);
  EXPECT_EQ(target.total_kept, 26620);
  EXPECT_THAT(target.layer_kept, counts({23254, 2966, 400}));
  EXPECT_THAT(target.layer_least, IsEmpty());
}

// Of 20 and 50 filters: round(20 * 0.5), round(50 * 0.5); of 70 in one ranking, 35.
TEST(PrunePoints, structures_are_counted_in_units) {
  EXPECT_THAT(prune_config("method: magnitude, sparsity: 0.5, granularity: filter, allocation: uniform",
                           "controls: []\n", "lenet-5")
                  .rounds.at(0)
                  .layer_kept,
              counts({10, 25}));
  const PruneConfig all =
      prune_config("method: magnitude, sparsity: 0.5, granularity: filter l1", "controls: []\n", "lenet-5");
  EXPECT_EQ(all.rounds.at(0), PruneTarget{35});
  EXPECT_EQ(all.granularity, "filter l1");
  EXPECT_EQ(prune_config("method: magnitude, sparsity: 0.5, granularity: {block: [4, 4], reduction: max}").granularity,
            "block 4x4 max");
}

TEST(PrunePoints, n_of_m_says_the_sparsity_itself) {
  const PruneConfig made = prune_config("method: magnitude, granularity: {n: 1, m: 4}");
  EXPECT_EQ(made.granularity, "1:4");
  EXPECT_DOUBLE_EQ(made.sparsity_target, 0.75);
  EXPECT_EQ(made.allocation, "uniform");
  EXPECT_THAT(made.rounds.at(0).layer_kept, counts({58800, 7500, 250}));
}

TEST(PrunePoints, dialects_count_break_ties_and_rank_as_peers_do) {
  const PruneConfig lth =
      prune_config("method: magnitude, dialect: open_lth, schedule: {iterative: {rate: 0.2, rounds: 3}}, protect: fc3");
  EXPECT_EQ(lth.ties, "drop");
  // ceil(0.2 * 266200) + 1 of 265,200 with fc3 counted in, and so on.
  const auto levels =
      trials("method: magnitude, dialect: open_lth, schedule: {iterative: {rate: 0.2, rounds: 3}}", "controls: []\n");
  const auto& rounds = levels.at(2).config->prune->rounds;
  EXPECT_EQ(rounds.at(0).total_kept, 266200 - 53240 - 1);
  EXPECT_EQ(rounds.at(1).total_kept, 212959 - 42592 - 1);
  EXPECT_EQ(rounds.at(2).total_kept, 170366 - 34074 - 1);
  EXPECT_EQ(lth.rounds.at(0).total_kept, 265200 - 53240 - 1);

  const PruneConfig synflow = prune_config("method: magnitude, sparsity: 0.77777, dialect: synflow");
  EXPECT_EQ(synflow.rounds.at(0).total_kept, 266200 - 207042);  // int(207042.374)
  EXPECT_TRUE(synflow.revive);

  const PruneConfig jax = prune_config("method: magnitude, sparsity: 0.9, dialect: jaxpruner");
  EXPECT_EQ(jax.allocation, "uniform");
  EXPECT_THAT(jax.rounds.at(0).layer_kept, counts({23520, 3000, 100}));
  EXPECT_EQ(prune_config("method: magnitude, sparsity: 0.9, dialect: jaxpruner, allocation: global").ranking,
            "normalized");
  EXPECT_THAT(
      prune_config("method: magnitude, sparsity: 0.9, dialect: jaxpruner, allocation: erk").rounds.at(0).layer_kept,
      counts({18714, 6906, 1000}));

  const PruneConfig wanda = prune_config("method: snip, sparsity: 0.55, dialect: wanda");
  EXPECT_EQ(wanda.ranking, "per_row");
  EXPECT_EQ(wanda.ties, "last");
  EXPECT_THAT(wanda.rounds.at(0).layer_kept, counts({300 * (784 - 431), 100 * (300 - 165), 10 * (100 - 55)}));
  const PruneConfig by_magnitude = prune_config("method: magnitude, sparsity: 0.5, dialect: wanda");
  EXPECT_EQ(by_magnitude.ties, "drop");
  EXPECT_THAT(by_magnitude.rounds.at(0).layer_kept, counts({117599, 14999, 499}));

  // 266,610 parameters, fc3 left alone: a tenth of all is 26,661; of these 1,000 weights and 410 biases stay anyway.
  const PruneConfig bench = prune_config("method: magnitude, sparsity: 0.9, dialect: shrinkbench");
  EXPECT_EQ(bench.ties, "keep");
  EXPECT_THAT(bench.protect, ElementsAre("fc3"));
  EXPECT_NEAR(static_cast<double>(bench.rounds.at(0).total_kept), 26661 - 1410, 1);
}

TEST(PrunePoints, gradual_schedules_prune_inside_the_training) {
  const PruneConfig made =
      prune_config("method: magnitude, sparsity: 0.8, schedule: {cubic: {start: 1ep, end: 2ep, every: 100it}}");
  ASSERT_TRUE(made.gradual.has_value());
  EXPECT_EQ(made.gradual->first_step, 650);  // 550 + 100
  EXPECT_EQ(made.gradual->every, 100);
  ASSERT_EQ(made.rounds.size(), 5U);
  EXPECT_EQ(made.rounds[0].total_kept, std::llround(266200 * (1 - 0.8 * (1 - std::pow(0.8, 3)))));
  EXPECT_EQ(made.rounds[4].total_kept, 53240);
  EXPECT_EQ(made.at_step, 550);
}

// Multiples of 100 from 600 to 1,100, one step ahead: (600 + 1 - 550) / 550 at first.
TEST(PrunePoints, jaxpruner_is_a_step_ahead_on_multiples) {
  const PruneConfig made = prune_config(
      "method: magnitude, sparsity: 0.8, dialect: jaxpruner, allocation: global, schedule: {cubic: {start: 1ep, end: "
      "2ep, every: 100it}}");
  EXPECT_EQ(made.gradual->first_step, 600);
  ASSERT_EQ(made.rounds.size(), 6U);
  EXPECT_EQ(made.rounds[0].total_kept, std::llround(266200 * (1 - 0.8 * (1 - std::pow(1 - 51.0 / 550, 3)))));
  EXPECT_EQ(made.rounds[5].total_kept, 53240);
}

TEST(PrunePoints, a_gradual_trial_trains_once_and_leaves_both) {
  const auto made = trials("method: magnitude, sparsity: 0.8, schedule: {cubic: {end: 2ep, every: 100it}}",
                           "retrain: [none, {finetune: {epochs: 1}}]\ncontrols: [shuffle]\n");
  const StageGraph graph = build_stage_graph(made);
  std::map<std::string, int> kinds;
  for (const Stage& stage : graph.stages) ++kinds[std::string(to_string(stage.kind))];
  EXPECT_EQ(kinds["prune"], 0);
  EXPECT_EQ(kinds["train"], 4);  // with the schedule inside, both retrainings, and the dense one that shuffles prune
  EXPECT_EQ(kinds["shuffle"], 1);
  const TrialStages& plain = graph.trials.at(0);
  EXPECT_EQ(plain.masks, plain.last_train);
  const Stage& evaluate = graph.stages[plain.evaluate];
  ASSERT_EQ(evaluate.inputs.size(), 2U);
  EXPECT_EQ(evaluate.inputs[0].stage, evaluate.inputs[1].stage);
  const TrainSpec spec = parse_spec<TrainSpec>(*graph.stages[*plain.masks].spec);
  ASSERT_TRUE(spec.gradual.has_value());
  EXPECT_EQ(spec.gradual->targets.back().total_kept, 53240);
}

TEST(PrunePoints, options_are_those_of_the_criterion) {
  EXPECT_THAT(problems(prune_sweep("method: {magnitude: {temperature: 3}}, sparsity: 0.5")),
              ElementsAre(HasSubstr("prune.method.magnitude.temperature: criterion magnitude has no options")));
}

TEST(PrunePoints, controls_keep_the_counts) {
  const auto made =
      trials("method: magnitude, sparsity: 0.9", "controls: [random, erk_random, {shuffle: network}, shuffle]\n");
  EXPECT_THAT(described(made),
              ElementsAre("magnitude 0.9 one_shot/1 none seed 0", "random 0.9 one_shot/1 none seed 0 (random)",
                          "magnitude 0.9 one_shot/1 none seed 0 (shuffle)",
                          "magnitude 0.9 one_shot/1 none seed 0 (shuffle_network)",
                          "erk_random 0.9 one_shot/1 none seed 0 (erk_random)"));
  EXPECT_THAT(made.at(4).config->prune->rounds.at(0).layer_kept, counts({18714, 6906, 1000}));
  EXPECT_EQ(made.at(4).config->prune->criterion, "random");
  const StageGraph graph = build_stage_graph(made);
  std::set<std::string> shuffles;
  for (const Stage& stage : graph.stages) {
    if (stage.kind == StageKind::shuffle) shuffles.insert(*stage.spec);
  }
  ASSERT_EQ(shuffles.size(), 2U);
  EXPECT_THAT(*shuffles.begin(), HasSubstr("\"across_layers\":true"));
}

// Half of the multiply-adds, twice the steps; a tenth, but no more than twice.
TEST(PrunePoints, scratch_b_trains_by_what_is_saved) {
  const auto steps = [](const std::string& sparsity) {
    const auto made =
        trials("method: magnitude, allocation: uniform, sparsity: " + sparsity, "retrain: scratch_b\ncontrols: []\n");
    return made.at(0).config->retrain.recipe->steps;
  };
  EXPECT_EQ(steps("0.25"), 2200);
  EXPECT_EQ(steps("0.5"), 3300);
  EXPECT_EQ(steps("0.9"), 3300);
  EXPECT_EQ(trials("method: magnitude, sparsity: 0.9", "retrain: scratch_e\ncontrols: []\n")
                .at(0)
                .config->retrain.recipe->steps,
            1650);
  EXPECT_THAT(problems(prune_sweep("method: magnitude, sparsity: 0.9", "retrain: scratch_b\n")),
              ElementsAre(HasSubstr("retrain: scratch_b trains longer by the multiply-adds that pruning saves, which "
                                    "allocation global")));
}

TEST(PrunePoints, three_knobs_are_turned_one_by_one) {
  const auto knobs = [](const std::string& retrain) {
    return trials("method: magnitude, sparsity: 0.9", "retrain: " + retrain + "\ncontrols: []\n").at(0).config->retrain;
  };
  const RetrainConfig finetune = knobs("{weights: pruned, schedule: 1ep, lr: last}");
  EXPECT_EQ(finetune.name, "weights pruned schedule 1ep lr last");
  EXPECT_EQ(finetune.start_step, 550);
  EXPECT_TRUE(finetune.own_data_order);
  const RetrainConfig mixed = knobs("{weights: 1ep, schedule: init, lr: 0.03}");
  EXPECT_EQ(mixed.weights, RetrainConfig::Weights::step);
  EXPECT_EQ(mixed.weights_step, 550);
  EXPECT_EQ(mixed.start_step, 0);
  EXPECT_EQ(mixed.recipe->optimizer.lr, 0.03);
  // The presets are points of that space.
  const auto same = [&](const std::string& one, const std::string& other) {
    RetrainConfig left = knobs(one), right = knobs(other);
    left.name = right.name;
    return left == right;
  };
  EXPECT_TRUE(same("{weights: init, schedule: init}", "{rewind: {to: init}}"));
  EXPECT_TRUE(same("{weights: 500it, schedule: 500it}", "{rewind: {to: 500it}}"));
  EXPECT_TRUE(same("{weights: pruned, schedule: 500it}", "{lr_rewind: {to: 500it}}"));
  EXPECT_TRUE(same("{weights: fresh, schedule: init}", "reinit"));
  EXPECT_TRUE(same("{weights: fresh, schedule: init}", "scratch_e"));
}

TEST(PrunePoints, schedules_may_run_inside_the_training_and_agp_begins_at_a_share_of_its_end) {
  for (const char* name : {"linear", "cubic", "exponential", "agp"}) {
    const PruneConfig made = prune_config(std::string("method: magnitude, sparsity: 0.5, schedule: {") + name +
                                          ": {start: 1ep, end: 2ep, every: 100it}}");
    EXPECT_TRUE(made.gradual) << name;
  }
  const PruneConfig agp = prune_config("method: magnitude, sparsity: 0.5, schedule: {agp: {rounds: 2, initial: 0.6}}");
  EXPECT_EQ(agp.rounds.size(), 2U);  // from 0.3 to 0.5
}

// Criterion x granularity x allocation: what is accepted has exact counts, what is refused says both sides.
TEST(PrunePoints, every_combination_is_exact_or_refused_with_its_reason) {
  const std::vector<std::string> granularities = {"weight",    "block 4x4", "\"2:4\"", "row",
                                                  "filter l1", "channel",   "head",    "layer"};
  const std::vector<std::string> models = {"lenet-300-100", "lenet-5"};
  int accepted = 0, refused = 0;
  for (const CriterionEntry& criterion : list_criteria()) {
    for (const std::string& granularity : granularities) {
      for (const CatalogEntry& allocation : list_allocations()) {
        for (const std::string& model : models) {
          const bool pattern = granularity == "\"2:4\"";
          const std::string protect = pattern && model == "lenet-5" ? ", protect: conv1" : "";
          const std::string yaml =
              prune_sweep("method: " + std::string(criterion.name) + ", granularity: " + granularity +
                              ", sparsity: 0.5" + ", allocation: " + std::string(allocation.name) + protect,
                          "controls: [random]\n", model);
          const ParsedSweep parsed = parse_sweep(yaml, "s.yaml");
          ASSERT_TRUE(parsed.spec) << yaml;
          const Expansion expansion = expand_trials(*parsed.spec, mnist_sizes);
          if (!expansion.diagnostics.empty()) {
            ++refused;
            const std::string text = to_string(expansion.diagnostics.front());
            const std::string word = granularity.substr(0, granularity.find(' '));
            const bool says_granularity = text.find(pattern ? "2:4" : word) != std::string::npos;
            const bool says_other = text.find(criterion.name) != std::string::npos ||
                                    text.find(allocation.name) != std::string::npos ||
                                    text.find(model) != std::string::npos;
            EXPECT_TRUE((says_granularity || text.find(criterion.name) != std::string::npos) && says_other)
                << yaml << text;
            continue;
          }
          ++accepted;
          for (const Trial& trial : expansion.trials) {
            const PruneConfig& prune = *trial.config->prune;
            const auto scopes =
                prune_scopes(describe_model(trial.config->model), parse_granularity(prune.named_granularity),
                             prune.criterion, prune.protect);
            std::int64_t units = 0;
            for (const PruneScope& scope : scopes) units += scope.units;
            const PruneTarget& target = prune.rounds.back();
            if (target.layer_kept.empty()) {
              EXPECT_EQ(target.total_kept, std::llround(static_cast<double>(units) * 0.5)) << yaml;
              continue;
            }
            ASSERT_EQ(target.layer_kept.size(), scopes.size()) << yaml;
            std::int64_t sum = 0;
            for (std::size_t i = 0; i < scopes.size(); ++i) {
              EXPECT_GE(target.layer_kept[i], 1) << yaml;
              EXPECT_LE(target.layer_kept[i], scopes[i].units) << yaml;
              sum += target.layer_kept[i];
            }
            EXPECT_EQ(target.total_kept, sum) << yaml;
            EXPECT_NEAR(static_cast<double>(sum), static_cast<double>(units) * 0.5,
                        static_cast<double>(scopes.size()) * (prune.ranking == "per_row" ? 500 : 1))
                << yaml;
          }
        }
      }
    }
  }
  EXPECT_GT(accepted, 50);
  EXPECT_GT(refused, 50);
}

// One score an output, copied to its weights: their l2 would be the score times the root of their number.
TEST(PrunePoints, criteria_that_score_outputs_are_reduced_by_the_mean_where_sizes_meet) {
  const auto granularity = [](const std::string& prune, const std::string& model = "vgg-11-bn") {
    const auto made = trials_of("sweep: s\ndataset: cifar10\nmodel: " + model +
                                "\nseeds: 1\ndense: false\ntrain: {lr: 0.1, epochs: 1}\nprune: {sparsity: 0.5, " +
                                prune + "}\ncontrols: []\n");
    return made.empty() ? "" : made.front().config->prune->granularity;
  };
  for (const std::string criterion : {"bn_scale", "apoz", "mean_activation", "fpgm"}) {
    EXPECT_EQ(granularity("granularity: filter, method: " + criterion), "filter mean") << criterion;
    EXPECT_EQ(granularity("granularity: filter l2, method: " + criterion), "filter l2") << criterion;
    // Filters of one layer have one size; the keys of such results are what they were.
    EXPECT_EQ(granularity("granularity: filter, allocation: uniform, method: " + criterion), "filter l2") << criterion;
    EXPECT_EQ(granularity("granularity: filter, allocation: lamp, method: " + criterion), "filter l2") << criterion;
    // Channels that a residual couples are of several layers.
    EXPECT_EQ(granularity("granularity: channel, allocation: uniform, method: " + criterion, "resnet-20"),
              "channel mean");
    EXPECT_EQ(granularity("granularity: channel, allocation: uniform, method: " + criterion), "channel l2");
  }
  EXPECT_EQ(granularity("granularity: filter, method: magnitude"), "filter l2");
  EXPECT_EQ(granularity("granularity: channel, method: taylor", "resnet-20"), "channel l2");
}

TEST(PrunePoints, a_criterions_own_reduction_shows_in_no_column_and_keeps_its_controls) {
  std::set<std::string> columns, specs;
  const auto made = trials_of(
      "sweep: s\ndataset: cifar10\nmodel: resnet-20\nseeds: 1\ndense: false\ntrain: {lr: 0.1, epochs: 1}\n"
      "prune: {sparsity: 0.5, granularity: filter, method: [magnitude, bn_scale, fpgm]}\ncontrols: [random, "
      "shuffle]\n");
  for (const Trial& trial : made) columns.insert(trial.config->prune->named_granularity);
  EXPECT_THAT(columns, ElementsAre("filter l2"));
  for (const Stage& stage : build_stage_graph(made).stages) {
    if (stage.kind == StageKind::prune) {
      const PruneSpec spec = parse_spec<PruneSpec>(*stage.spec);
      specs.insert(spec.criterion + " " + spec.granularity);
    }
    if (stage.kind == StageKind::shuffle) specs.insert("shuffle " + parse_spec<ShuffleSpec>(*stage.spec).granularity);
  }
  EXPECT_THAT(specs, ElementsAre("bn_scale filter mean", "fpgm filter mean", "magnitude filter l2", "random filter l2",
                                 "shuffle filter l2"));
}

TEST(PrunePoints, norms_go_by_the_batch_where_asked_and_where_there_are_some) {
  const auto norms = [](const std::string& prune, const std::string& model = "resnet-20") {
    std::vector<std::string> said;
    for (const Trial& trial : trials_of("sweep: s\ndataset: cifar10\nmodel: " + model +
                                        "\nseeds: 1\ndense: false\ntrain: {lr: 0.1, epochs: 1}\nprune: {sparsity: "
                                        "0.5, " +
                                        prune + "}\n")) {
      said.push_back(trial.config->method + " " + trial.config->prune->norms);
    }
    return said;
  };
  EXPECT_THAT(norms("method: [magnitude, snip], norms: batch"), ElementsAre("magnitude ", "random ", "snip batch"));
  EXPECT_THAT(norms("method: snip, norms: running"), ElementsAre("snip ", "random "));
  EXPECT_THAT(norms("method: snip, norms: batch", "lenet-5"), ElementsAre("snip ", "random "));
}

TEST(PrunePoints, halves_are_kept_as_they_are_written_in_decimals) {
  // 784 * 0.45 = 352.8; 300 * 0.45 = 135; 100 * 0.45 = 45. Of 30 inputs 13.5, of 50 at 0.77 11.5.
  const auto kept = [](const std::string& model, const char* sparsity) {
    return prune_config(std::string("method: magnitude, allocation: per_row, sparsity: ") + sparsity, "controls: []\n",
                        model)
        .rounds.at(0)
        .layer_kept;
  };
  EXPECT_THAT(kept("mlp-30-50", "0.55"), counts({30 * 353, 50 * 14, 10 * 23}));  // 22.5 of 50
  EXPECT_THAT(kept("mlp-30-50", "0.77"), counts({30 * 180, 50 * 7, 10 * 12}));
}

}  // namespace
}  // namespace espalier
