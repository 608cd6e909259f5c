#pragma once

#include <optional>
#include <string>
#include <vector>

namespace espalier {

// What a plot shows, apart from how it is drawn: a program that wants the numbers takes them from here.

struct PlotPoint {
  double x = 0, y = 0;
  std::optional<double> low, high;  ///< the interval of y
};

struct PlotSeries {
  std::string label;
  std::vector<PlotPoint> points;  ///< by rising x, where they are joined
  bool joined = true;
  bool is_control = false;  ///< drawn in gray
};

/// A line across a panel: the dense network, zero.
struct ReferenceLine {
  std::string label;
  double y = 0;
};

/// Cells of one color each; NaN is a hole.
struct HeatMap {
  std::vector<std::string> rows, columns;
  std::vector<std::vector<double>> values;  ///< by row
  double low = 0, high = 1;                 ///< of the colors
};

struct PlotAxis {
  std::string label;  ///< with the unit
  bool logarithmic = false;
  bool falls = false;                   ///< large values at the left
  std::vector<std::string> names = {};  ///< of 1, 2, ... from the top down, instead of numbers
  std::optional<double> most = {};      ///< no more can be: 100 %
};

struct PlotPanel {
  std::string title;
  PlotAxis x, y;
  std::vector<PlotSeries> series;
  std::vector<ReferenceLine> lines;
  std::optional<HeatMap> heat;  ///< instead of series
};

struct Picture {
  std::string title;
  std::vector<PlotPanel> panels;  ///< side by side, three in a row
  std::string note;               ///< below: sample sizes, what bands are
  bool is_empty() const { return panels.empty(); }
};

/// One row a point: panel, series, x, y, low, high; of a heat map panel, row, column, value.
std::string picture_csv(const Picture& picture);

}  // namespace espalier
