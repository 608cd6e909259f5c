#include "experiments/stages/stage_spec_json.h"

namespace espalier {

void write_json(JsonWriter& out, const ScriptModel& script) {
  out.begin_object();
  out.field("content", script.content);
  if (script.keeps_shape) out.field("keeps_shape", true);
  out.key("layers");
  out.begin_list();
  for (const ScriptModel::Layer& layer : script.layers) {
    out.item();
    out.begin_object();
    out.field("bias", layer.bias);
    out.field("madds", layer.madds);
    out.field("name", layer.name);
    out.field("output", layer.is_output);
    out.field("shape", layer.shape);
    out.end_object();
  }
  out.end_list();
  out.field("parameters", script.parameters);
  out.end_object();
}

void write_json(JsonWriter& out, const ModelSpec& model) {
  out.begin_object();
  out.field("classes", model.classes);
  out.field("input", model.input);
  out.field("name", model.name);
  if (model.script) {
    out.key("script");
    write_json(out, *model.script);
  }
  out.end_object();
}

void write_json(JsonWriter& out, const DatasetSpec& dataset) {
  out.begin_object();
  out.field("classes", dataset.classes);
  out.field("content", dataset.content);
  out.field("generator_seed", dataset.generator_seed);
  out.field("name", dataset.name);
  out.field("shape", dataset.shape);
  out.field("test", dataset.test);
  out.field("train", dataset.train);
  out.field("validation", dataset.validation);
  out.end_object();
}

void write_json(JsonWriter& out, const OptimizerSpec& optimizer) {
  out.begin_object();
  out.field("beta1", optimizer.beta1);
  out.field("beta2", optimizer.beta2);
  out.field("epsilon", optimizer.epsilon);
  out.field("lr", optimizer.lr);
  out.field("momentum", optimizer.momentum);
  out.field("name", optimizer.name);
  out.field("nesterov", optimizer.nesterov);
  out.field("weight_decay", optimizer.weight_decay);
  out.end_object();
}

void write_json(JsonWriter& out, const LrScheduleSpec& schedule) {
  out.begin_object();
  out.field("gamma", schedule.gamma);
  out.field("milestones", schedule.milestones);
  out.field("shape", schedule.shape);
  out.field("total_steps", schedule.total_steps);
  out.field("warmup_steps", schedule.warmup_steps);
  out.end_object();
}

void write_json(JsonWriter& out, const PruneTarget& target) {
  out.begin_object();
  out.field("layer_kept", target.layer_kept);
  if (!target.layer_least.empty()) out.field("layer_least", target.layer_least);
  if (!target.layer_most.empty()) out.field("layer_most", target.layer_most);
  out.field("total_kept", target.total_kept);
  out.end_object();
}

namespace {

template <typename Value>
void nested(JsonWriter& out, std::string_view name, const Value& value) {
  out.key(name);
  write_json(out, value);
}

void texts(JsonWriter& out, std::string_view name, const std::vector<std::string>& values) {
  out.key(name);
  out.begin_list();
  for (const std::string& value : values) {
    out.item();
    out.value(value);
  }
  out.end_list();
}

}  // namespace

void write_json(JsonWriter& out, const GradualSpec& gradual) {
  out.begin_object();
  out.field("every", gradual.every);
  out.field("first_step", gradual.first_step);
  nested(out, "prune", gradual.prune);
  out.key("targets");
  out.begin_list();
  for (const PruneTarget& target : gradual.targets) {
    out.item();
    write_json(out, target);
  }
  out.end_list();
  out.end_object();
}

void write_json(JsonWriter& out, const InitSpec& spec) {
  out.begin_object();
  nested(out, "model", spec.model);
  out.field("scheme", spec.scheme);
  out.field("stream", spec.stream);
  out.end_object();
}

void write_json(JsonWriter& out, const TrainSpec& spec) {
  out.begin_object();
  if (!spec.augment.empty()) out.field("augment", spec.augment);
  out.field("batch_size", spec.batch_size);
  nested(out, "dataset", spec.dataset);
  out.field("end_step", spec.end_step);
  out.field("eval_every", spec.eval_every);
  if (spec.gradual) nested(out, "gradual", *spec.gradual);
  nested(out, "lr_schedule", spec.lr_schedule);
  nested(out, "model", spec.model);
  nested(out, "optimizer", spec.optimizer);
  out.field("phase", spec.phase);
  if (spec.ranks != 1) out.field("ranks", spec.ranks);
  out.field("start_step", spec.start_step);
  out.end_object();
}

void write_json(JsonWriter& out, const PruneSpec& spec) {
  out.begin_object();
  out.field("batch_size", spec.batch_size);
  out.field("batches", spec.batches);
  out.field("criterion", spec.criterion);
  out.key("dataset");
  if (spec.dataset) {
    write_json(out, *spec.dataset);
  } else {
    out.null();
  }
  if (!spec.draw.empty()) out.field("draw", spec.draw);
  if (spec.epoch != 1) out.field("epoch", spec.epoch);
  out.field("granularity", spec.granularity);
  nested(out, "model", spec.model);
  if (!spec.norms.empty()) out.field("norms", spec.norms);
  if (!spec.options.empty()) {
    out.key("options");
    out.begin_object();
    for (const auto& [name, value] : spec.options) out.field(name, value);
    out.end_object();
  }
  if (!spec.protect.empty()) texts(out, "protect", spec.protect);
  if (!spec.ranking.empty()) out.field("ranking", spec.ranking);
  if (spec.refuse_empty) out.field("refuse_empty", true);
  if (spec.revive) out.field("revive", true);
  nested(out, "target", spec.target);
  if (!spec.ties.empty()) out.field("ties", spec.ties);
  out.end_object();
}

void write_json(JsonWriter& out, const ShuffleSpec& spec) {
  out.begin_object();
  if (spec.across_layers) out.field("across_layers", true);
  if (!spec.draw.empty()) out.field("draw", spec.draw);
  if (spec.epoch != 1) out.field("epoch", spec.epoch);
  if (spec.equal_sizes) out.field("equal_sizes", true);
  if (spec.granularity != "weight") out.field("granularity", spec.granularity);
  nested(out, "model", spec.model);
  if (!spec.protect.empty()) texts(out, "protect", spec.protect);
  out.end_object();
}

void write_json(JsonWriter& out, const SensitivitySpec& spec) {
  out.begin_object();
  nested(out, "prune", spec.prune);
  out.key("sparsities");
  out.begin_list();
  for (const double sparsity : spec.sparsities) {
    out.item();
    out.value(sparsity);
  }
  out.end_list();
  out.end_object();
}

void write_json(JsonWriter& out, const EvaluateSpec& spec) {
  out.begin_object();
  nested(out, "dataset", spec.dataset);
  nested(out, "model", spec.model);
  out.end_object();
}

void write_json(JsonWriter& out, const NoopSpec& spec) {
  out.begin_object();
  out.field("index", spec.index);
  out.end_object();
}

namespace {

template <typename Spec>
std::string to_json(const Spec& spec) {
  std::string text;
  JsonWriter out(text);
  write_json(out, spec);
  return text;
}

}  // namespace

std::string canonical_json(const InitSpec& spec) {
  return to_json(spec);
}
std::string canonical_json(const TrainSpec& spec) {
  return to_json(spec);
}
std::string canonical_json(const PruneSpec& spec) {
  return to_json(spec);
}
std::string canonical_json(const ShuffleSpec& spec) {
  return to_json(spec);
}
std::string canonical_json(const EvaluateSpec& spec) {
  return to_json(spec);
}
std::string canonical_json(const SensitivitySpec& spec) {
  return to_json(spec);
}
std::string canonical_json(const NoopSpec& spec) {
  return to_json(spec);
}
std::string canonical_json(const ScriptModel& script) {
  return to_json(script);
}

}  // namespace espalier
