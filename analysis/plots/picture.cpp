#include "analysis/plots/picture.h"

#include <cmath>

#include "analysis/text/number_text.h"
#include "analysis/text/text_table.h"

namespace espalier {
namespace {

std::string exact_or_empty(const std::optional<double>& number) {
  return number && std::isfinite(*number) ? exact_text(*number) : "";
}

}  // namespace

std::string picture_csv(const Picture& picture) {
  TextTable table({{"panel"}, {"series"}, {"x"}, {"y"}, {"low"}, {"high"}});
  for (const PlotPanel& panel : picture.panels) {
    for (const PlotSeries& series : panel.series) {
      for (const PlotPoint& point : series.points) {
        table.add_row({panel.title, series.label, exact_or_empty(point.x), exact_or_empty(point.y),
                       exact_or_empty(point.low), exact_or_empty(point.high)});
      }
    }
    if (!panel.heat) continue;
    for (std::size_t row = 0; row < panel.heat->rows.size(); ++row) {
      for (std::size_t column = 0; column < panel.heat->columns.size(); ++column) {
        table.add_row({panel.title, panel.heat->rows[row], panel.heat->columns[column],
                       exact_or_empty(panel.heat->values[row][column]), "", ""});
      }
    }
  }
  return table.to_csv();
}

}  // namespace espalier
