#pragma once

#include <string>
#include <vector>

#include "analysis/text/output_format.h"
#include "db/rows/layer_rows.h"
#include "db/rows/mask_overlap_row.h"

namespace espalier {

// What people read of masks, layer by layer and against each other. As tables: means over seeds (or pairs of seeds), in
// percent, one table for each dataset, model, variant and sparsity. As JSON: the rows themselves, exact.

/// `pairing`: "method" or "seed"; other rows are left out.
std::string render_overlaps(const std::vector<MaskOverlapRow>& rows, const std::string& pairing, bool as_json);

/// Density profiles: layers down, configurations across.
std::string render_layer_densities(const std::vector<LayerDensityRow>& rows, bool as_json);

/// Curves: scopes down, sparsities across; how much the loss rises, in nats.
std::string render_sensitivities(const std::vector<SensitivityRow>& rows, bool as_json);

}  // namespace espalier
