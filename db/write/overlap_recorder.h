#pragma once

#include <cstdint>
#include <vector>

#include "db/rows/mask_overlap_row.h"
#include "db/sqlite/prepared.h"

namespace espalier {

/// See Store::write_mask_overlaps; inside the caller's transaction. Errors: SQLite::Exception.
void record_overlaps(const SQLite::Database& database, std::int64_t sweep, const std::vector<MaskOverlapRow>& rows);

}  // namespace espalier
