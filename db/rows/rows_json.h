#pragma once

#include <nlohmann/json_fwd.hpp>

#include "db/rows/failure_row.h"
#include "db/rows/latency_row.h"
#include "db/rows/layer_rows.h"
#include "db/rows/mask_overlap_row.h"
#include "db/rows/result_row.h"
#include "db/rows/stage_row.h"

namespace espalier {

// One object per row, keys as the fields and in their order; an absent number is null. What `--json` prints.
// nlohmann finds these for a row and for vectors of rows: nlohmann::ordered_json(reader.results()).

void to_json(nlohmann::ordered_json& json, const ResultRow& row);
void to_json(nlohmann::ordered_json& json, const SweepRow& row);
void to_json(nlohmann::ordered_json& json, const FailedStageRow& row);
void to_json(nlohmann::ordered_json& json, const StageFailureRow& row);
void to_json(nlohmann::ordered_json& json, const ChargedFailureRow& row);
void to_json(nlohmann::ordered_json& json, const DivergedStageRow& row);
void to_json(nlohmann::ordered_json& json, const StageRow& row);
void to_json(nlohmann::ordered_json& json, const StageInputRow& row);
void to_json(nlohmann::ordered_json& json, const AttemptRow& row);
/// `spec` and `environment` are objects.
void to_json(nlohmann::ordered_json& json, const StageDetails& details);
void to_json(nlohmann::ordered_json& json, const KindCostRow& row);
void to_json(nlohmann::ordered_json& json, const MaskOverlapRow& row);
void to_json(nlohmann::ordered_json& json, const LayerDensityRow& row);
void to_json(nlohmann::ordered_json& json, const SensitivityRow& row);
void to_json(nlohmann::ordered_json& json, const LatencyRow& row);

}  // namespace espalier
