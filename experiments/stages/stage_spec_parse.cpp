
#include "experiments/formats/json_reader.h"
#include "experiments/stages/case_epoch.h"
#include "experiments/stages/stage_spec.h"

namespace espalier {
namespace {

constexpr std::int64_t kMostCounted = 1'000'000'000'000;  // of anything counted: steps, weights, examples
constexpr std::int64_t kLargestStageBatch = 10'000'000;
constexpr std::int64_t kMostModelClasses = 65'536;
constexpr std::int64_t kMostWork = 1'000'000'000'000'000;  // multiply-adds of one example
constexpr std::size_t kMostLayers = 100'000;
constexpr std::int64_t kMostMaskUpdates = 1'000'000;  // of the masks in one training

ScriptModel read_script(JsonReader in) {
  ScriptModel script;
  script.content = in.text("content");
  if (in.has("keeps_shape")) script.keeps_shape = in.flag("keeps_shape");
  script.parameters = in.count("parameters", 1, kMostCounted);
  for (JsonReader layer : in.objects("layers", kMostLayers)) {
    ScriptModel::Layer& read = script.layers.emplace_back();
    read.name = layer.text("name");
    read.shape = layer.counts("shape", kMostCounted);
    read.bias = layer.flag("bias");
    read.is_output = layer.flag("output");
    read.madds = layer.count("madds", 0, kMostWork);
    layer.finish();
  }
  in.finish();
  return script;
}

ModelSpec read_model(JsonReader in) {
  ModelSpec model;
  model.name = in.text("name");
  model.input = in.shape("input");
  model.classes = in.count("classes", 1, kMostModelClasses);
  if (in.has("script")) model.script = read_script(in.object("script"));
  in.finish();
  return model;
}

DatasetSpec read_dataset(JsonReader in) {
  DatasetSpec dataset;
  dataset.name = in.text("name");
  dataset.content = in.text("content");
  dataset.train = in.count("train", 1, kMostCounted);
  dataset.validation = in.count("validation", 0, kMostCounted);
  dataset.test = in.count("test", 0, kMostCounted);
  dataset.shape = in.shape("shape");
  dataset.classes = in.count("classes", 1, kMostModelClasses);
  dataset.generator_seed = in.seed("generator_seed");
  in.finish();
  return dataset;
}

OptimizerSpec read_optimizer(JsonReader in) {
  OptimizerSpec optimizer;
  optimizer.name = in.text("name");
  optimizer.lr = in.number("lr");
  optimizer.momentum = in.number("momentum");
  optimizer.nesterov = in.flag("nesterov");
  optimizer.weight_decay = in.number("weight_decay");
  optimizer.beta1 = in.number("beta1");
  optimizer.beta2 = in.number("beta2");
  optimizer.epsilon = in.number("epsilon");
  in.finish();
  return optimizer;
}

LrScheduleSpec read_lr_schedule(JsonReader in) {
  LrScheduleSpec schedule;
  schedule.shape = in.text("shape");
  schedule.milestones = in.counts("milestones", kMostCounted);
  schedule.gamma = in.number("gamma");
  schedule.warmup_steps = in.count("warmup_steps", 0, kMostCounted);
  schedule.total_steps = in.count("total_steps", 0, kMostCounted);
  in.finish();
  return schedule;
}

PruneTarget read_target(JsonReader in) {
  PruneTarget target;
  target.total_kept = in.count("total_kept", 0, kMostCounted);
  target.layer_kept = in.counts("layer_kept", kMostCounted);
  if (in.has("layer_least")) target.layer_least = in.counts("layer_least", kMostCounted);
  if (in.has("layer_most")) target.layer_most = in.counts("layer_most", kMostCounted);
  in.finish();
  return target;
}

PruneSpec read_prune(JsonReader& in) {
  PruneSpec spec;
  spec.model = read_model(in.object("model"));
  spec.criterion = in.text("criterion");
  spec.granularity = in.text("granularity");
  spec.target = read_target(in.object("target"));
  if (!in.is_null("dataset")) spec.dataset = read_dataset(in.object("dataset"));
  spec.batches = in.count("batches", 0, kMostCounted);
  spec.batch_size = in.count("batch_size", 0, kLargestStageBatch);
  if (in.has("options")) spec.options = in.numbers_by_name("options");
  if (in.has("ranking")) spec.ranking = in.text("ranking");
  if (in.has("protect")) spec.protect = in.texts("protect");
  if (in.has("ties")) spec.ties = in.text("ties");
  if (in.has("revive")) spec.revive = in.flag("revive");
  if (in.has("refuse_empty")) spec.refuse_empty = in.flag("refuse_empty");
  if (in.has("epoch")) spec.epoch = in.count("epoch", 1, kNewestCaseEpoch);
  if (in.has("norms")) spec.norms = in.text("norms");
  if (in.has("draw")) spec.draw = in.text("draw");
  return spec;
}

PruneSpec read_nested_prune(JsonReader in) {
  PruneSpec spec = read_prune(in);
  in.finish();
  return spec;
}

GradualSpec read_gradual_spec(JsonReader in) {
  GradualSpec gradual;
  gradual.prune = read_nested_prune(in.object("prune"));
  gradual.first_step = in.count("first_step", 0, kMostCounted);
  gradual.every = in.count("every", 1, kMostCounted);
  for (const JsonReader& target : in.objects("targets", kMostMaskUpdates))
    gradual.targets.push_back(read_target(target));
  in.finish();
  return gradual;
}

template <typename Spec>
Spec read_whole(std::string_view json, const char* where, Spec (*read)(JsonReader&)) {
  const nlohmann::json object = parse_json_object(json, where);
  JsonReader in(object, where);
  Spec spec = read(in);
  in.finish();
  return spec;
}

}  // namespace

InitSpec parse_init_spec(std::string_view json) {
  return read_whole<InitSpec>(json, "init spec", [](JsonReader& in) {
    InitSpec spec;
    spec.model = read_model(in.object("model"));
    spec.scheme = in.text("scheme");
    spec.stream = in.text("stream");
    return spec;
  });
}

TrainSpec parse_train_spec(std::string_view json) {
  return read_whole<TrainSpec>(json, "train spec", [](JsonReader& in) {
    TrainSpec spec;
    spec.model = read_model(in.object("model"));
    spec.dataset = read_dataset(in.object("dataset"));
    spec.optimizer = read_optimizer(in.object("optimizer"));
    spec.lr_schedule = read_lr_schedule(in.object("lr_schedule"));
    spec.batch_size = in.count("batch_size", 1, kLargestStageBatch);
    spec.start_step = in.count("start_step", 0, kMostCounted);
    spec.end_step = in.count("end_step", spec.start_step, kMostCounted);
    spec.eval_every = in.count("eval_every", 1, kMostCounted);
    spec.phase = in.count("phase", 0, kMostCounted);
    if (in.has("augment")) spec.augment = in.text("augment");
    if (in.has("gradual")) spec.gradual = read_gradual_spec(in.object("gradual"));
    if (in.has("ranks")) spec.ranks = in.count("ranks", 1, TrainSpec::kMostRanks);
    return spec;
  });
}

PruneSpec parse_prune_spec(std::string_view json) {
  return read_whole<PruneSpec>(json, "prune spec", read_prune);
}

ShuffleSpec parse_shuffle_spec(std::string_view json) {
  return read_whole<ShuffleSpec>(json, "shuffle spec", [](JsonReader& in) {
    ShuffleSpec spec;
    spec.model = read_model(in.object("model"));
    if (in.has("granularity")) spec.granularity = in.text("granularity");
    if (in.has("across_layers")) spec.across_layers = in.flag("across_layers");
    if (in.has("equal_sizes")) spec.equal_sizes = in.flag("equal_sizes");
    if (in.has("protect")) spec.protect = in.texts("protect");
    if (in.has("epoch")) spec.epoch = in.count("epoch", 1, kNewestCaseEpoch);
    if (in.has("draw")) spec.draw = in.text("draw");
    return spec;
  });
}

SensitivitySpec parse_sensitivity_spec(std::string_view json) {
  return read_whole<SensitivitySpec>(json, "sensitivity spec", [](JsonReader& in) {
    SensitivitySpec spec;
    spec.prune = read_nested_prune(in.object("prune"));
    spec.sparsities = in.numbers("sparsities");
    return spec;
  });
}

EvaluateSpec parse_evaluate_spec(std::string_view json) {
  return read_whole<EvaluateSpec>(json, "evaluate spec", [](JsonReader& in) {
    EvaluateSpec spec;
    spec.model = read_model(in.object("model"));
    spec.dataset = read_dataset(in.object("dataset"));
    return spec;
  });
}

ScriptModel parse_script_model(std::string_view json) {
  const nlohmann::json object = parse_json_object(json, "TorchScript module");
  return read_script(JsonReader(object, "TorchScript module"));
}

NoopSpec parse_noop_spec(std::string_view json) {
  return read_whole<NoopSpec>(json, "noop spec",
                              [](JsonReader& in) { return NoopSpec{in.count("index", 0, kMostCounted)}; });
}

}  // namespace espalier
