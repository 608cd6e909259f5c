#pragma once

#include <string>
#include <vector>

#include "analysis/text/output_format.h"
#include "db/rows/result_row.h"

namespace espalier {

/// What `espalier results` prints. Table and Markdown: the columns one reads, rounded; CSV and JSON: every column,
/// exact.
std::string render_results(const std::vector<ResultRow>& rows, OutputFormat format);

}  // namespace espalier
