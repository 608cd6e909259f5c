#pragma once

#include <string>
#include <vector>

#include "analysis/text/output_format.h"
#include "db/rows/latency_row.h"

namespace espalier {

/// What `espalier compare --by latency` prints: for each sweep, model, machine and batch size the pruned networks, the
/// fastest first, with accuracy, times, and how much faster than the dense network they are. CSV and JSON: one record
/// per configuration and batch size, exact.
std::string render_latencies(const std::vector<LatencyRow>& rows, OutputFormat format);

}  // namespace espalier
