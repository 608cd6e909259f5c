#pragma once

#include <vector>

#include "db/rows/cell_statistics.h"
#include "db/sqlite/prepared.h"

namespace espalier {

/// See Store::write_cell_statistics; inside the caller's transaction. Cells of a sweep that the store lacks are left
/// out. Errors: SQLite::Exception.
void record_cells(const SQLite::Database& database, const std::vector<CellStatistics>& cells);

}  // namespace espalier
