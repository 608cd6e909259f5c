#pragma once

#include <vector>

#include "db/rows/cell_statistics.h"
#include "db/rows/result_row.h"

namespace espalier {

/// The rows of the view versus_random: every configuration of the results that is neither dense nor random. Pure.
std::vector<CellStatistics> compute_cell_statistics(const std::vector<ResultRow>& rows);

}  // namespace espalier
