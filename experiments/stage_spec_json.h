#pragma once

#include "experiments/json_writer.h"
#include "experiments/stage_spec.h"

namespace espalier {

// The parts that several canonical texts have in common: stages' specs and trials' configurations.

void write_json(JsonWriter& out, const ModelSpec& model);
void write_json(JsonWriter& out, const DatasetSpec& dataset);
void write_json(JsonWriter& out, const OptimizerSpec& optimizer);
void write_json(JsonWriter& out, const LrScheduleSpec& schedule);
void write_json(JsonWriter& out, const PruneTarget& target);

}  // namespace espalier
