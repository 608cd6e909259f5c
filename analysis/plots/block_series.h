#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "analysis/comparison/comparison.h"
#include "analysis/plots/picture.h"

namespace espalier {

/// A line for each method of a block and each of its settings, through the block's cells: what `point` gives for a
/// method's result in a cell, by rising x.
std::vector<PlotSeries> series_of(const ComparisonBlock& block,
                                  const std::function<std::optional<PlotPoint>(const MethodResult&)>& point);

/// "lenet-5 on mnist", and the variant.
std::string panel_title(const ComparisonBlock& block);

/// Mean over a method's seeds of what `value` gives.
double mean_over(const MethodResult& method, const std::function<double(const ResultRow&)>& value);

/// The mean accuracy in percent with its 95 % interval (Student's t); none where a seed has none.
std::optional<PlotPoint> accuracy_point(const MethodResult& method, double x);

/// "n = 3 seeds", or "n = 2 to 5 seeds".
std::string seeds_text(const Comparison& comparison);

}  // namespace espalier
