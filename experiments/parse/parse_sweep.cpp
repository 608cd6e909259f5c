#include "experiments/parse/parse_sweep.h"

#include <algorithm>
#include <cctype>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "experiments/catalog/catalog.h"
#include "experiments/parse/axis_keys.h"
#include "experiments/parse/dataset_key.h"
#include "experiments/parse/failure_key.h"
#include "experiments/parse/measure_key.h"
#include "experiments/parse/model_key.h"
#include "experiments/parse/override.h"
#include "experiments/parse/prune_keys.h"
#include "experiments/parse/read_yaml.h"
#include "experiments/parse/resources_key.h"
#include "experiments/parse/retrain_key.h"
#include "experiments/parse/scalars.h"
#include "experiments/parse/train_keys.h"

namespace espalier {
namespace {

constexpr std::int64_t kMostSeeds = 1'000'000;

void number_in_order(YamlValue& value, int& next) {
  value.order = next++;
  for (YamlValue& item : value.items) number_in_order(item, next);
  for (YamlEntry& entry : value.entries) number_in_order(entry.value, next);
}

std::optional<std::string> parse_sweep_name(const YamlValue& value, Problems& problems) {
  const auto allowed = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' || c == '.';
  };
  constexpr std::size_t kLongest = 100;
  if (value.kind == YamlValue::Kind::scalar && !value.text.empty() && value.text.size() <= kLongest &&
      std::ranges::all_of(value.text, allowed)) {
    return value.text;
  }
  problems.add(value.place, "expected a name of letters, digits, - _ and . (at most 100), found " + describe(value));
  return std::nullopt;
}

std::vector<std::uint64_t> parse_seeds(const YamlValue& value, Problems& problems) {
  std::vector<std::uint64_t> seeds;
  if (value.kind != YamlValue::Kind::list) {
    const std::int64_t count = parse_count(value, 1, kMostSeeds, problems).value_or(1);
    for (std::int64_t seed = 0; seed < count; ++seed) seeds.push_back(static_cast<std::uint64_t>(seed));
    return seeds;
  }
  std::set<std::int64_t> seen;
  for (const YamlValue& item : value.items) {
    const auto seed = parse_count(item, 0, INT64_MAX, problems);
    if (!seed) continue;
    if (!seen.insert(*seed).second) problems.add(item.place, "seed " + std::to_string(*seed) + " is listed twice");
    seeds.push_back(static_cast<std::uint64_t>(*seed));
  }
  if (value.items.empty())
    problems.add(value.place, "expected a number of seeds or a list of them, found an empty list");
  return seeds;
}

void parse_controls(const YamlValue& value, SweepSpec& spec, Problems& problems) {
  using enum Control;
  std::vector<std::string> names;
  for (const Control control : {random, shuffle, reinit, erk_random, shuffle_network, shuffle_sized, small_dense}) {
    names.emplace_back(to_string(control));
  }
  std::vector<Control>& controls = spec.controls;
  const std::vector<YamlValue> items = value.kind == YamlValue::Kind::list ? value.items : std::vector{value};
  for (const YamlValue& item : items) {
    const auto only = [&](const char* key) {
      return item.kind == YamlValue::Kind::map && item.entries.size() == 1 ? item.find(key) : nullptr;
    };
    const YamlValue *scope = only("shuffle"), *draws = only("random");
    const auto name = scope != nullptr   ? parse_name(*scope, {"layer", "network", "sized"}, problems)
                      : draws != nullptr ? parse_name(*draws, {"shared"}, problems)
                                         : parse_name(item, names, problems);
    if (!name) continue;
    Control control = *name == "network" ? shuffle_network : *name == "sized" ? shuffle_sized : shuffle;
    for (const Control one : {random, reinit, erk_random, shuffle_network, shuffle_sized, small_dense}) {
      if (*name == to_string(one)) control = one;
    }
    if (draws != nullptr) control = random;
    spec.shares_random = spec.shares_random || draws != nullptr;
    if (std::ranges::find(controls, control) != controls.end()) {
      problems.add(item.place, std::string(to_string(control)) + " is listed twice");
    }
    controls.push_back(control);
  }
}

KeyPlace place_of(const YamlValue& map, const std::string& key) {
  const YamlValue* value = map.find(key);
  return value != nullptr ? value->place : map.place;
}

void remember_sweep_places(const YamlValue& tree, SweepSpec& spec) {
  spec.place = tree.place;
  spec.dataset_place = place_of(tree, "dataset");
  spec.model_place = place_of(tree, "model");
  spec.init_place = place_of(tree, "init");
  spec.seeds_place = place_of(tree, "seeds");
  spec.train_place = place_of(tree, "train");
  spec.ranks_place = place_of(tree, "ranks_per_trial");
  spec.prune_place = place_of(tree, "prune");
  spec.compute_place = place_of(tree, "compute");
  spec.controls_place = place_of(tree, "controls");
  spec.resources_place = place_of(tree, "resources");
  spec.measure_place = place_of(tree, "measure");
  const YamlValue* prune = tree.find("prune");
  spec.sparsity_place = prune != nullptr ? place_of(*prune, "sparsity") : tree.place;
  spec.at_place = prune != nullptr ? place_of(*prune, "at") : tree.place;
}

void read_network(AxisReader& axes, MapReader& map, SweepSpec& spec) {
  const auto name_of = [](std::vector<std::string> names) {
    return
        [names = std::move(names)](const YamlValue& value, Problems& found) { return parse_name(value, names, found); };
  };
  map.require("dataset", "what to train on (" + catalog_list(list_dataset_names()) + ")");
  map.require("model",
              "the network (" + catalog_list(list_models()) + ", or {onnx: net.onnx} or {torchscript: net.pt})");
  axes.read(map, "dataset", spec.dataset, parse_dataset, AxisReader::Column<DatasetRequest>(dataset_label));
  axes.read(map, "model", spec.model, parse_model, AxisReader::Column<ModelRequest>(model_label));
  axes.read(map, "init", spec.init, name_of(catalog_names(list_inits())));
  if (const YamlValue* train = map.require("train", "the recipe, as in {optimizer: sgd, lr: 0.1, epochs: 5}")) {
    read_train_keys(axes, *train, spec.train);
  }
  axes.read(map, "ranks_per_trial", spec.ranks, [](const YamlValue& value, Problems& found) {
    return parse_count(value, 1, TrainSpec::kMostRanks, found);
  });
}

void read_pruning(AxisReader& axes, MapReader& map, SweepSpec& spec) {
  const YamlValue* prune = map.find("prune");
  if (prune != nullptr) read_prune_keys(axes, *prune, spec.prune.emplace());
  axes.read(map, "retrain", spec.retrain, parse_retrain, AxisReader::Column<RetrainSetting>(retrain_label));
  axes.read(map, "compute", spec.compute, [](const YamlValue& value, Problems& found) {
    return parse_name(value, {"auto", "masked", "shrunk"}, found);
  });
  if (const YamlValue* measure = map.find("measure")) spec.latency = parse_measure(*measure, axes.problems());
  const YamlValue* controls = map.find("controls");
  if (controls != nullptr) {
    parse_controls(*controls, spec, axes.problems());
  } else if (prune != nullptr) {
    spec.controls = {Control::random};
  }
  if (prune != nullptr) return;
  for (const char* key : {"retrain", "compute", "measure", "controls"}) {
    if (const YamlValue* value = map.find(key))
      axes.problems().add(value->place, "is not used: nothing is pruned without `prune`");
  }
}

void check_used(const SweepSpec& spec, MapReader& map, Problems& problems) {
  const auto& optimizers = spec.train.optimizer.values;
  const bool without_momentum = !optimizers.empty() && std::ranges::none_of(optimizers, [](const std::string& name) {
    return has(name, OptimizerProperty::takes_momentum);
  });
  const YamlValue* train = map.find("train");
  for (const char* key : {"momentum", "nesterov"}) {
    const YamlValue* value = train != nullptr ? train->find(key) : nullptr;
    if (without_momentum && value != nullptr) {
      problems.add(value->place,
                   fmt::format("is not used: it belongs to {}",
                               fmt::join(names_with(list_optimizers(), OptimizerProperty::takes_momentum), ", ")));
    }
  }
  if (!spec.dense && !spec.prune) problems.add(spec.place, "nothing to run: dense is false and there is no `prune`");
}

SweepSpec read_sweep(const YamlValue& tree, Problems& problems) {
  SweepSpec spec;
  AxisReader axes(problems);
  MapReader map(tree, problems);
  if (const YamlValue* name = map.require("sweep", "its name, as in sweep: first-try")) {
    spec.name = parse_sweep_name(*name, problems).value_or("");
  }
  remember_sweep_places(tree, spec);
  read_network(axes, map, spec);
  const YamlValue* seeds = map.find("seeds");
  spec.seeds = seeds != nullptr ? parse_seeds(*seeds, problems) : std::vector<std::uint64_t>{0, 1, 2};
  read_pruning(axes, map, spec);
  if (const YamlValue* dense = map.find("dense")) spec.dense = parse_flag(*dense, problems).value_or(true);
  if (const YamlValue* value = map.find("on_failure")) spec.on_failure = parse_on_failure(*value, problems);
  if (const YamlValue* value = map.find("resources")) spec.resources = parse_resources(*value, problems);
  read_axis_keys(axes, map, spec);
  map.finish({"train.optimizer",   "train.lr",         "train.momentum", "train.nesterov",    "train.weight_decay",
              "train.batch_size",  "train.epochs",     "train.steps",    "train.lr_schedule", "train.warmup",
              "train.eval_every",  "train.augment",    "prune.method",   "prune.criterion",   "prune.sparsity",
              "prune.granularity", "prune.allocation", "prune.schedule", "prune.protect",     "prune.min_kept",
              "prune.max_kept",    "prune.ratios",     "prune.align",    "prune.at",          "prune.dialect",
              "dataset.validation"});
  check_used(spec, map, problems);
  return spec;
}

}  // namespace

ParsedSweep parse_sweep(std::string_view text, const std::string& file, const std::vector<std::string>& overrides) {
  Problems problems;
  std::optional<YamlValue> tree = read_yaml(text, {file, 1, 1, ""}, true, problems);
  if (!tree) return {std::nullopt, problems.list()};
  for (const std::string& assignment : overrides) apply_override(*tree, assignment, problems);
  int next = 0;
  number_in_order(*tree, next);
  SweepSpec spec = read_sweep(*tree, problems);
  if (!problems.empty()) return {std::nullopt, problems.list()};
  return {std::move(spec), {}};
}

}  // namespace espalier
