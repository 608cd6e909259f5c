#pragma once

#include "experiments/formats/json_writer.h"
#include "experiments/stages/stage_spec.h"

namespace espalier {

// The parts that several canonical texts have in common: stages' specs and trials' configurations.

void write_json(JsonWriter& out, const ModelSpec& model);
void write_json(JsonWriter& out, const DatasetSpec& dataset);
void write_json(JsonWriter& out, const OptimizerSpec& optimizer);
void write_json(JsonWriter& out, const LrScheduleSpec& schedule);
void write_json(JsonWriter& out, const PruneTarget& target);
void write_json(JsonWriter& out, const GradualSpec& gradual);

// Whole specs, as canonical_json: for callers that write many and keep their buffer.

void write_json(JsonWriter& out, const InitSpec& spec);
void write_json(JsonWriter& out, const TrainSpec& spec);
void write_json(JsonWriter& out, const PruneSpec& spec);
void write_json(JsonWriter& out, const ShuffleSpec& spec);
void write_json(JsonWriter& out, const EvaluateSpec& spec);
void write_json(JsonWriter& out, const SensitivitySpec& spec);
void write_json(JsonWriter& out, const NoopSpec& spec);

}  // namespace espalier
