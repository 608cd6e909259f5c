#pragma once

#include "experiments/formats/fields.h"
#include "experiments/stages/case_epoch.h"
#include "experiments/stages/stage_spec.h"

namespace espalier {

// The fields of stages' specs (formats/fields.h): what their canonical JSON has, in its order.

inline constexpr FieldRange kAtLeastOne{1, FieldRange{}.most};
inline constexpr FieldRange kBatchSize{0, 10'000'000};
inline constexpr FieldRange kAlign{1, 65'536};
inline constexpr FieldRange kClasses{1, 65'536};
inline constexpr FieldRange kLayerMadds{0, 1'000'000'000'000'000};
inline constexpr FieldRange kCaseEpochs{1, kNewestCaseEpoch};

void visit_fields(auto& visit, Is<ModelFile::Layer> auto& layer) {
  visit.field("bias", layer.bias);
  visit.field("madds", layer.madds, kLayerMadds);
  visit.field("name", layer.name);
  visit.field("output", layer.is_output);
  visit.field("shape", layer.shape);
}

void visit_fields(auto& visit, Is<ModelFile> auto& file) {
  visit.field("content", file.content);
  visit.added("graph", file.is_graph);
  visit.added("keeps_shape", file.keeps_shape);
  visit.field("layers", file.layers, {0, 100'000});
  visit.field("parameters", file.parameters, kAtLeastOne);
}

void visit_fields(auto& visit, Is<ModelSpec> auto& model) {
  visit.field("classes", model.classes, kClasses);
  visit.field("input", model.input);
  visit.field("name", model.name);
  visit.added("script", model.file);
}

void visit_fields(auto& visit, Is<DatasetSpec> auto& dataset) {
  visit.field("classes", dataset.classes, kClasses);
  visit.field("content", dataset.content);
  visit.added("example", dataset.example);
  visit.field("generator_seed", dataset.generator_seed);
  visit.field("name", dataset.name);
  visit.field("shape", dataset.shape);
  visit.field("test", dataset.test);
  visit.field("train", dataset.train, kAtLeastOne);
  visit.field("validation", dataset.validation);
}

void visit_fields(auto& visit, Is<OptimizerSpec> auto& optimizer) {
  visit.field("beta1", optimizer.beta1);
  visit.field("beta2", optimizer.beta2);
  visit.field("epsilon", optimizer.epsilon);
  visit.field("lr", optimizer.lr);
  visit.field("momentum", optimizer.momentum);
  visit.field("name", optimizer.name);
  visit.field("nesterov", optimizer.nesterov);
  visit.field("weight_decay", optimizer.weight_decay);
}

void visit_fields(auto& visit, Is<LrScheduleSpec> auto& schedule) {
  visit.field("gamma", schedule.gamma);
  visit.field("milestones", schedule.milestones);
  visit.field("shape", schedule.shape);
  visit.field("total_steps", schedule.total_steps);
  visit.field("warmup_steps", schedule.warmup_steps);
}

void visit_fields(auto& visit, Is<PruneTarget> auto& target) {
  visit.field("layer_kept", target.layer_kept);
  visit.added("layer_least", target.layer_least);
  visit.added("layer_most", target.layer_most);
  visit.added("layer_multiple", target.layer_multiple);
  visit.added("layer_ranking", target.layer_ranking);
  visit.added("ranking_kept", target.ranking_kept);
  visit.field("total_kept", target.total_kept);
}

void visit_fields(auto& visit, Is<PruneSpec> auto& spec) {
  visit.field("batch_size", spec.batch_size, kBatchSize);
  visit.field("batches", spec.batches);
  visit.added("compute", spec.compute);
  visit.field("criterion", spec.criterion);
  visit.nullable("dataset", spec.dataset);
  visit.added("draw", spec.draw);
  visit.added("epoch", spec.epoch, 1, kCaseEpochs);
  visit.field("granularity", spec.granularity);
  visit.field("model", spec.model);
  visit.added("norms", spec.norms);
  visit.added("options", spec.options);
  visit.added("protect", spec.protect);
  visit.added("ranking", spec.ranking);
  visit.added("refuse_empty", spec.refuse_empty);
  visit.added("revive", spec.revive);
  visit.field("target", spec.target);
  visit.added("ties", spec.ties);
}

void visit_fields(auto& visit, Is<GradualSpec> auto& gradual) {
  visit.field("every", gradual.every, kAtLeastOne);
  visit.field("first_step", gradual.first_step);
  visit.field("prune", gradual.prune);
  visit.field("targets", gradual.targets, {0, 1'000'000});
}

void visit_fields(auto& visit, Is<SparsifySpec> auto& sparsify) {
  visit.field("name", sparsify.name);
  visit.field("options", sparsify.options);
}

void visit_fields(auto& visit, Is<InitSpec> auto& spec) {
  visit.field("model", spec.model);
  visit.field("scheme", spec.scheme);
  visit.field("stream", spec.stream);
}

void visit_fields(auto& visit, Is<TrainSpec> auto& spec) {
  visit.added("augment", spec.augment);
  visit.field("batch_size", spec.batch_size, {1, kBatchSize.most});
  visit.added("compute", spec.compute);
  visit.field("dataset", spec.dataset);
  visit.field("end_step", spec.end_step);
  visit.field("eval_every", spec.eval_every, kAtLeastOne);
  visit.added("gradual", spec.gradual);
  visit.field("lr_schedule", spec.lr_schedule);
  visit.field("model", spec.model);
  visit.field("optimizer", spec.optimizer);
  visit.field("phase", spec.phase);
  visit.added("ranks", spec.ranks, 1, {1, TrainSpec::kMostRanks});
  visit.added("sparsify", spec.sparsify);
  visit.field("start_step", spec.start_step);
}

void visit_fields(auto& visit, Is<ShuffleSpec> auto& spec) {
  visit.added("across_layers", spec.across_layers);
  visit.added("draw", spec.draw);
  visit.added("epoch", spec.epoch, 1, kCaseEpochs);
  visit.added("equal_sizes", spec.equal_sizes);
  visit.added("granularity", spec.granularity, "weight");
  visit.field("model", spec.model);
  visit.added("protect", spec.protect);
}

void visit_fields(auto& visit, Is<NarrowSpec> auto& spec) {
  visit.added("align", spec.align, 1, kAlign);
  visit.field("granularity", spec.granularity);
  visit.field("model", spec.model);
  visit.added("protect", spec.protect);
  visit.field("scheme", spec.scheme);
}

void visit_fields(auto& visit, Is<SensitivitySpec> auto& spec) {
  visit.field("prune", spec.prune);
  visit.field("sparsities", spec.sparsities);
}

void visit_fields(auto& visit, Is<RepairSpec> auto& spec) {
  visit.field("batch_size", spec.batch_size, {1, kBatchSize.most});
  visit.field("batches", spec.batches, kAtLeastOne);
  visit.added("bn_stats", spec.bn_stats);
  visit.added("damping", spec.damping);
  visit.field("dataset", spec.dataset);
  visit.field("model", spec.model);
  visit.added("refit", spec.refit);
}

void visit_fields(auto& visit, Is<EvaluateSpec> auto& spec) {
  visit.added("compute", spec.compute);
  visit.field("dataset", spec.dataset);
  visit.field("model", spec.model);
}

void visit_fields(auto& visit, Is<LatencySpec> auto& spec) {
  visit.field("batch_sizes", spec.batch_sizes);
  visit.added("device", spec.device);
  visit.field("model", spec.model);
  visit.field("threads", spec.threads, {1, LatencySpec::kMostThreads});
  visit.field("time_limit_s", spec.time_limit_s);
}

void visit_fields(auto& visit, Is<NoopSpec> auto& spec) {
  visit.field("index", spec.index);
}

}  // namespace espalier
