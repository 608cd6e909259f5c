#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "analysis/comparison/comparison.h"
#include "analysis/text/output_format.h"

namespace espalier {

/// A method or control of a cell set against another one of it.
struct Duel {
  const ComparisonBlock* block = nullptr;
  const Cell* cell = nullptr;
  const MethodResult* method = nullptr;
  PairedComparison compared;                    ///< method minus the other; p_holm over the sweep's duels
  std::int64_t wins = 0, ties = 0, losses = 0;  ///< seeds in which the method is ahead, level, behind
};

/// All others of each cell against `name` (MethodResult::name), where both have results of one seed at least. Points
/// into the comparison. Errors: ErrorKind::invalid_input where no cell has it, with the names that there are.
std::vector<Duel> duels_against(const Comparison& comparison, const std::string& name);

/// What `espalier compare --against NAME` prints: the duels by sweep, model and sparsity, then for each method how
/// often it is better and worse. CSV and JSON: one record a duel.
std::string render_duels(const std::vector<Duel>& duels, const std::string& name, OutputFormat format);

}  // namespace espalier
