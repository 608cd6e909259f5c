#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "worker/selection/selection.h"

namespace espalier {

// Selections whose budget is spent group by group: nothing competes across groups. Masks have one byte per weight, 1 =
// kept. Rules are those of select_kept, within each group.

/// Of every m consecutive inputs of each output, at each kernel position, the n best are KEPT (of a group with fewer
/// survivors, those). `shape` is [out, in] or [out, in, kh, kw]; a conv's group is m consecutive channels, kh * kw
/// apart in memory. 2:4 as sparse tensor cores have it: Mishra et al. 2021, arXiv:2104.08378. Time: m comparisons per
/// weight. Errors: ErrorKind::invalid_input naming the layer if m does not divide the inputs; refuse_nan's.
std::vector<std::uint8_t> select_n_of_m(const ScoredLayer& layer, std::span<const std::int64_t> shape, std::int64_t n,
                                        std::int64_t m, const SelectionRules& rules = {});

/// Of each of `rows` rows of the layer (outputs, or output channels with all they read), the kept / rows best.
/// Sun et al. 2024, arXiv:2306.11695: weights compete within an output.
/// Errors: ErrorKind::invalid_input naming the layer if rows does not divide kept or a row has fewer survivors;
/// refuse_nan's.
std::vector<std::uint8_t> select_per_row(const ScoredLayer& layer, std::int64_t rows, std::int64_t kept,
                                         const SelectionRules& rules = {});

}  // namespace espalier
