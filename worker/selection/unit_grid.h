#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "experiments/catalog/granularity.h"
#include "worker/selection/threshold.h"

namespace espalier {

/// A tensor seen as a matrix [rows, columns], row-major, and cut into units of height x width elements, numbered row by
/// row; what is left at the right and lower edges are smaller units. Blocks, rows, filters, input columns, heads and
/// whole tensors are all such units.
struct UnitGrid {
  std::int64_t rows = 0, columns = 0;
  std::int64_t height = 1, width = 1;
  std::vector<std::int32_t> unit_of =
      {};  ///< where its units are numbered otherwise: what each is; -1: it always stays

  std::int64_t units_across() const { return (columns + width - 1) / width; }
  std::int64_t units() const { return (rows + height - 1) / height * units_across(); }
  /// The unit that the grid's own number means.
  std::int64_t unit(std::size_t number) const {
    return unit_of.empty() ? static_cast<std::int64_t>(number) : unit_of[number];
  }
  bool operator==(const UnitGrid&) const = default;
};

/// Of a weight [out, in] or [out, in, kh, kw] as the matrix [out, in * kh * kw], for granularities whose units lie
/// within one tensor: weight, block, row and filter; layer: all of it. Errors: ErrorKind::internal for n:m, channel and
/// head.
UnitGrid unit_grid(std::span<const std::int64_t> shape, const Granularity& granularity);

/// Unit u is slices u * step .. u * step + step - 1 of dimension 0 or 1: rows (or a head's rows) of a layer, the
/// columns that read them. Errors: ErrorKind::invalid_input naming the layer if step does not divide the dimension.
UnitGrid unit_grid_along(std::span<const std::int64_t> shape, int dimension, std::int64_t step,
                         const std::string& layer);

/// Unit g * (in / groups) + j is column j, in the rows of group g, of a convolution's weight [out, in / groups, ...].
UnitGrid unit_grid_by_group(std::span<const std::int64_t> shape, std::int64_t groups);

/// Scores of units from those of their elements, over one tensor or several whose units are the same: each element that
/// survives adds to its unit; the mean is over those. Sums are double. A unit survives if one of its elements does; its
/// score is 0 if none does.
class UnitReducer {
 public:
  UnitReducer(std::int64_t units, Reduction reduction);

  /// Unit u of the grid is unit first_unit + u. Errors: refuse_nan's for a surviving NaN; ErrorKind::internal if the
  /// sizes do not fit.
  void add(const ScoredLayer& layer, const UnitGrid& grid, std::int64_t first_unit = 0);

  std::vector<float> scores() const;
  std::vector<std::uint8_t> surviving() const;

 private:
  Reduction reduction_;
  std::vector<double> totals_;
  std::vector<std::int64_t> counts_;
};

/// The mask of the elements: 1 where the unit is kept (or stays always) and the element survives (all do where
/// `surviving` is empty).
std::vector<std::uint8_t> expand_units(const UnitGrid& grid, std::span<const std::uint8_t> kept_units,
                                       std::span<const std::uint8_t> surviving);

}  // namespace espalier
