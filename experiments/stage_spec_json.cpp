#include "experiments/stage_spec_json.h"

namespace espalier {

void write_json(JsonWriter& out, const ModelSpec& model) {
  out.begin_object();
  out.field("classes", model.classes);
  out.field("input", model.input);
  out.field("name", model.name);
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
  out.field("total_kept", target.total_kept);
  out.end_object();
}

namespace {

template <typename Value>
void nested(JsonWriter& out, std::string_view name, const Value& value) {
  out.key(name);
  write_json(out, value);
}

// A train spec is some 800 bytes; one allocation is enough for each kind.
constexpr std::size_t kUsualSize = 1024;

template <typename Write>
std::string object(Write&& write) {
  std::string text;
  text.reserve(kUsualSize);
  JsonWriter out(text);
  out.begin_object();
  write(out);
  out.end_object();
  return text;
}

}  // namespace

std::string canonical_json(const InitSpec& spec) {
  return object([&](JsonWriter& out) {
    nested(out, "model", spec.model);
    out.field("scheme", spec.scheme);
    out.field("stream", spec.stream);
  });
}

std::string canonical_json(const TrainSpec& spec) {
  return object([&](JsonWriter& out) {
    out.field("batch_size", spec.batch_size);
    nested(out, "dataset", spec.dataset);
    out.field("end_step", spec.end_step);
    out.field("eval_every", spec.eval_every);
    nested(out, "lr_schedule", spec.lr_schedule);
    nested(out, "model", spec.model);
    nested(out, "optimizer", spec.optimizer);
    out.field("phase", spec.phase);
    out.field("start_step", spec.start_step);
  });
}

std::string canonical_json(const PruneSpec& spec) {
  return object([&](JsonWriter& out) {
    out.field("batch_size", spec.batch_size);
    out.field("batches", spec.batches);
    out.field("criterion", spec.criterion);
    out.key("dataset");
    if (spec.dataset) {
      write_json(out, *spec.dataset);
    } else {
      out.null();
    }
    out.field("granularity", spec.granularity);
    nested(out, "model", spec.model);
    nested(out, "target", spec.target);
  });
}

std::string canonical_json(const ShuffleSpec& spec) {
  return object([&](JsonWriter& out) { nested(out, "model", spec.model); });
}

std::string canonical_json(const EvaluateSpec& spec) {
  return object([&](JsonWriter& out) {
    nested(out, "dataset", spec.dataset);
    nested(out, "model", spec.model);
  });
}

std::string canonical_json(const NoopSpec& spec) {
  return object([&](JsonWriter& out) { out.field("index", spec.index); });
}

}  // namespace espalier
