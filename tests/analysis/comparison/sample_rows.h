#pragma once

#include <string>
#include <vector>

#include "db/rows/result_row.h"

namespace espalier {

/// A row of sweep "curves", LeNet-300-100 on glyphs, 90 % sparsity in one shot, with a dense accuracy of 0.98.
ResultRow make_row(const std::string& method, std::uint64_t seed, double accuracy);
/// The same as a control of `method`.
ResultRow make_control_row(const std::string& method, const std::string& control, std::uint64_t seed, double accuracy);
/// One row per accuracy, seeds from 0.
std::vector<ResultRow> make_rows(const std::string& method, const std::vector<double>& accuracies);

/// Random, magnitude and gradient at 50, 90 and 98 %, one_shot and iterative, 3 seeds, with shuffle and reinit controls
/// of magnitude at 98 %.
std::vector<ResultRow> make_sweep_rows();

}  // namespace espalier
