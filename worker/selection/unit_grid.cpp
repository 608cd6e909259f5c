#include "worker/selection/unit_grid.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"

namespace espalier {
namespace {

/// visit(unit, first element, how many): the elements that follow each other in one row of one unit.
template <typename Visit>
void for_each_run(const UnitGrid& grid, Visit visit) {
  for (std::int64_t row = 0; row < grid.rows; ++row) {
    std::int64_t unit = row / grid.height * grid.units_across();
    for (std::int64_t column = 0; column < grid.columns; column += grid.width, ++unit) {
      visit(static_cast<std::size_t>(unit), static_cast<std::size_t>(row * grid.columns + column),
            static_cast<std::size_t>(std::min(grid.width, grid.columns - column)));
    }
  }
}

std::int64_t product_from(std::span<const std::int64_t> shape, std::size_t first) {
  std::int64_t product = 1;
  for (std::size_t i = first; i < shape.size(); ++i) product *= shape[i];
  return product;
}

}  // namespace

UnitGrid unit_grid(std::span<const std::int64_t> shape, const Granularity& granularity) {
  UnitGrid grid{shape.empty() ? 1 : shape[0], product_from(shape, 1), 1, 1};
  switch (granularity.kind) {
    case Granularity::Kind::weight:
      return grid;
    case Granularity::Kind::block:
      grid.height = granularity.outputs;
      grid.width = granularity.inputs;
      return grid;
    case Granularity::Kind::layer:
      grid.height = std::max<std::int64_t>(grid.rows, 1);
      [[fallthrough]];
    case Granularity::Kind::row:
    case Granularity::Kind::filter:
      grid.width = std::max<std::int64_t>(grid.columns, 1);
      return grid;
    default:
      throw Error(ErrorKind::internal,
                  "the units of granularity " + to_string(granularity) + " are not parts of one tensor");
  }
}

UnitGrid unit_grid_along(std::span<const std::int64_t> shape, int dimension, std::int64_t step,
                         const std::string& layer) {
  const auto axis = static_cast<std::size_t>(dimension);
  if (axis > 1 || axis >= shape.size() || step <= 0 || shape[axis] % step != 0) {
    throw Error(ErrorKind::invalid_input, "layer " + layer + " cannot be cut into units of " + std::to_string(step) +
                                              " along dimension " + std::to_string(dimension) +
                                              (axis < shape.size() ? " of size " + std::to_string(shape[axis]) : ""));
  }
  const std::int64_t columns = product_from(shape, 1);
  if (axis == 0) return {shape[0], columns, step, columns};
  return {shape[0], columns, shape[0], step * product_from(shape, 2)};
}

UnitGrid unit_grid_by_group(std::span<const std::int64_t> shape, std::int64_t groups) {
  const std::int64_t columns = product_from(shape, 1);
  return {shape[0], columns, shape[0] / groups, product_from(shape, 2)};
}

UnitReducer::UnitReducer(std::int64_t units, Reduction reduction)
    : reduction_(reduction),
      totals_(static_cast<std::size_t>(units),
              reduction == Reduction::max ? -std::numeric_limits<double>::infinity() : 0.0),
      counts_(static_cast<std::size_t>(units), 0) {}

void UnitReducer::add(const ScoredLayer& layer, const UnitGrid& grid, std::int64_t first_unit) {
  count_survivors(std::span(&layer, 1));  // checks the sizes
  if (static_cast<std::int64_t>(layer.scores.size()) != grid.rows * grid.columns || first_unit < 0 ||
      (grid.unit_of.empty() && first_unit + grid.units() > static_cast<std::int64_t>(totals_.size()))) {
    throw Error(ErrorKind::internal, "the scores of layer " + layer.name + " do not fit the units they belong to");
  }
  for_each_run(grid, [&](std::size_t unit, std::size_t first, std::size_t count) {
    if (grid.unit(unit) < 0) return;
    const auto place = static_cast<std::size_t>(first_unit + grid.unit(unit));
    double& total = totals_[place];
    for (std::size_t i = first; i < first + count; ++i) {
      if (!layer.surviving.empty() && !layer.surviving[i]) continue;
      const auto score = static_cast<double>(layer.scores[i]);
      if (std::isnan(score)) refuse_nan("weight", i, layer.name);
      ++counts_[place];
      switch (reduction_) {
        case Reduction::sum:
        case Reduction::mean:
          total += score;
          break;
        case Reduction::l1:
          total += std::abs(score);
          break;
        case Reduction::l2:
          total += score * score;
          break;
        case Reduction::max:
          total = std::max(total, score);
          break;
      }
    }
  });
}

std::vector<float> UnitReducer::scores() const {
  std::vector<float> scores(totals_.size(), 0.0F);
  for (std::size_t unit = 0; unit < totals_.size(); ++unit) {
    if (counts_[unit] == 0) continue;
    double score = totals_[unit];
    if (reduction_ == Reduction::mean) score /= static_cast<double>(counts_[unit]);
    if (reduction_ == Reduction::l2) score = std::sqrt(score);
    scores[unit] = static_cast<float>(score);
  }
  return scores;
}

std::vector<std::uint8_t> UnitReducer::surviving() const {
  std::vector<std::uint8_t> surviving(counts_.size());
  for (std::size_t unit = 0; unit < counts_.size(); ++unit) surviving[unit] = counts_[unit] > 0;
  return surviving;
}

std::vector<std::uint8_t> expand_units(const UnitGrid& grid, std::span<const std::uint8_t> kept_units,
                                       std::span<const std::uint8_t> surviving) {
  const auto elements = static_cast<std::size_t>(grid.rows * grid.columns);
  if ((grid.unit_of.empty() && static_cast<std::int64_t>(kept_units.size()) != grid.units()) ||
      (!surviving.empty() && surviving.size() != elements)) {
    throw Error(ErrorKind::internal, "a mask of " + std::to_string(kept_units.size()) +
                                         " units does not fit a tensor of " + std::to_string(grid.units()));
  }
  std::vector<std::uint8_t> mask(elements, 0);
  for_each_run(grid, [&](std::size_t unit, std::size_t first, std::size_t count) {
    const std::int64_t place = grid.unit(unit);
    if (place >= 0 && !kept_units[static_cast<std::size_t>(place)]) return;
    for (std::size_t i = first; i < first + count; ++i) mask[i] = surviving.empty() || surviving[i];
  });
  return mask;
}

}  // namespace espalier
