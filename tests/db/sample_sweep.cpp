#include "tests/db/sample_sweep.h"

#include <stdexcept>

#include <SQLiteCpp/SQLiteCpp.h>

namespace espalier {
namespace {

StageKey key_of(const std::string& text) {
  return {sha256(text)};
}

std::shared_ptr<const TrialConfig> make_config(const std::string& method) {
  TrialConfig config;
  config.model = {"lenet-300-100", {1, 28, 28}, 10};
  config.method = method;
  config.dataset_name = "glyphs";
  config.train.steps = 1000;
  if (method != "dense") {
    PruneConfig prune;
    prune.criterion = method;
    prune.allocation = "uniform";
    prune.schedule = "one_shot";
    prune.sparsity_target = 0.9;
    prune.at_step = 1000;
    prune.rounds = {{26620, {23520, 3000, 100}}};
    config.prune = prune;
    config.retrain.name = "lr_rewind 500it";
    config.control = method == "random" ? Control::random : Control::none;
  } else {
    config.retrain.name = "none";
  }
  config.variant = "train.lr=0.01";
  return std::make_shared<const TrialConfig>(config);
}

struct Builder {
  SampleSweep sweep;
  std::shared_ptr<const std::string> spec =
      std::make_shared<const std::string>(R"({"dataset":{"test":10000},"optimizer":{"lr":0.01}})");

  StageIndex add(StageKind kind, int seed, const std::string& label, std::vector<StageInput> inputs,
                 std::int64_t steps = 0) {
    Stage stage;
    stage.kind = kind;
    stage.seed = static_cast<std::uint64_t>(seed);
    stage.label = label + " seed " + std::to_string(seed);
    stage.key = key_of(stage.label);
    stage.spec = spec;
    stage.inputs = std::move(inputs);
    stage.steps = steps;
    stage.cost = static_cast<double>(steps) * 1e6;
    sweep.graph.stages.push_back(stage);
    return static_cast<StageIndex>(sweep.graph.stages.size() - 1);
  }

  void add_seed(int seed) {
    const StageIndex init = add(StageKind::init, seed, "init", {});
    const StageIndex early = add(StageKind::train, seed, "train to 500", {{InputRole::weights, init}}, 500);
    const StageIndex trained = add(StageKind::train, seed, "train to 1000", {{InputRole::weights, init}}, 500);
    sweep.graph.stages[trained].resume_from = early;
    const StageIndex dense = add(StageKind::evaluate, seed, "evaluate dense", {{InputRole::weights, trained}});
    add_trial("dense", seed, {dense, std::nullopt, trained, dense});
    for (const std::string method : {"magnitude", "random"}) {
      const StageIndex masks = add(StageKind::prune, seed, "prune " + method, {{InputRole::weights, trained}});
      const std::vector<StageInput> masked{{InputRole::weights, early}, {InputRole::masks, masks}};
      const StageIndex retrained = add(StageKind::train, seed, "retrain " + method, masked, 700);
      const StageIndex evaluated = add(StageKind::evaluate, seed, "evaluate " + method,
                                       {{InputRole::weights, retrained}, {InputRole::masks, masks}});
      add_trial(method, seed, {evaluated, masks, retrained, dense});
    }
  }

  void add_trial(const std::string& method, int seed, TrialStages stages) {
    sweep.trials.push_back(
        {key_of("trial " + method + std::to_string(seed)), static_cast<std::uint64_t>(seed), make_config(method)});
    sweep.graph.trials.push_back(stages);
  }
};

double accuracy_of(const Stage& stage) {
  if (stage.label.starts_with("evaluate dense")) return 0.98;
  if (stage.label.starts_with("evaluate random")) return 0.95;
  return 0.97 + static_cast<double>(stage.seed) / 1000;
}

}  // namespace

TemporaryFolder::TemporaryFolder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "espalier_db_XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary folder");
  path = pattern;
}

SampleSweep make_sample_sweep(int seeds) {
  Builder builder;
  for (int seed = 0; seed < seeds; ++seed) builder.add_seed(seed);
  return std::move(builder.sweep);
}

StageGraph make_noop_graph(int count) {
  Builder builder;
  for (int i = 0; i < count; ++i) builder.add(StageKind::noop, i, "noop", {});
  return std::move(builder.sweep.graph);
}

StageFinished finish(const Stage& stage, std::uint64_t attempt) {
  StageFinished finished;
  finished.at = 1e9;
  StageOutcome& outcome = finished.outcome;
  outcome.key = stage.key;
  outcome.attempt = attempt;
  outcome.wall_s = 2;
  switch (stage.kind) {
    case StageKind::train:
      outcome.steps = stage.steps + (stage.resume_from ? 500 : 0);  // on from the cut
      outcome.metrics = {{100, "train_loss", 0.5},
                         {200, "train_loss", 0.25},
                         {200, "validation_accuracy", 0.9},
                         {900, "validation_accuracy", 0.94},
                         {900, "validation_loss", 0.21}};
      outcome.best_validation_loss = 0.2;
      outcome.test_accuracy_at_best_validation = 0.96;
      break;
    case StageKind::prune:
      outcome.layers = {{"fc1", 235200, 23520, 23520, 23000, 2},
                        {"fc2", 30000, 3000, 3000, 2950, 1},
                        {"fc3", 1000, 100, 100, 100, 0}};
      outcome.connectivity = Connectivity{true, 3, 26050};
      outcome.shrunk_size = NetworkSize{200000, 199000, 801000};
      break;
    case StageKind::evaluate:
      outcome.evaluation = Evaluation::of_classes(accuracy_of(stage), 0.1, std::vector<double>(10, accuracy_of(stage)));
      break;
    default:
      break;
  }
  return finished;
}

std::vector<StoreChange> finish_all(const StageGraph& graph, std::uint64_t attempt) {
  std::vector<StoreChange> changes;
  for (const Stage& stage : graph.stages) changes.emplace_back(finish(stage, attempt));
  return changes;
}

std::string ask(const StorePaths& paths, const std::string& sql) {
  const SQLite::Database database(paths.database().string(), SQLite::OPEN_READONLY, 1000);
  SQLite::Statement statement(database, sql);
  if (!statement.executeStep()) return "";
  return statement.getColumn(0).isNull() ? "NULL" : statement.getColumn(0).getString();
}

}  // namespace espalier
