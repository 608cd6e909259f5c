#include "analysis/plots/gnuplot_script.h"

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

namespace espalier {
namespace {

constexpr std::array<const char*, 7> kColors{"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                             "#e69f00", "#56b4e9", "#000000"};
constexpr const char* kControlColor = "#7f7f7f";
constexpr std::array<int, 7> kMarks{7, 5, 9, 13, 11, 4, 6};  // gnuplot's point types

/// In single quotes gnuplot takes every character as it is but the quote.
std::string in_quotes(const std::string& text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') out += "''";
    if (c != '\'') out += static_cast<unsigned char>(c) < ' ' ? ' ' : c;
  }
  return out + "'";
}

std::string number(double value) {
  return std::isfinite(value) ? fmt::format("{:.9g}", value) : "NaN";
}

constexpr std::size_t kColumns = 3;

/// Where panels lie: pixels, and parts of the canvas from its lower left.
struct Layout {
  std::size_t columns, rows;
  int width, height;

  explicit Layout(std::size_t panels)
      : columns(std::clamp<std::size_t>(panels, 1, kColumns)),
        rows((std::max<std::size_t>(panels, 1) + kColumns - 1) / kColumns),
        width(static_cast<int>(600 * columns + 60)),
        height(static_cast<int>(520 * rows + 60)) {}

  struct Box {
    double left, right, top, bottom, key;  ///< of the axes; where the key begins
  };
  /// `name_width`: pixels of the longest name at the left; `bar`: a heat map's colors stand at the right.
  Box box(std::size_t panel, double name_width, bool bar) const {
    const auto column = static_cast<double>(panel % columns), row = static_cast<double>(panel / columns);
    const auto x = [&](double pixels) { return (30 + 600 * column + pixels) / width; };
    const auto y = [&](double pixels) { return 1 - (30 + 520 * row + pixels) / height; };
    return {x(std::max(60.0, name_width)), x(bar ? 520 : 580), y(40), y(370), y(425)};
  }
};

std::string terminal(std::string_view format, const Layout& layout) {
  if (format == "png")
    return fmt::format(
        "set terminal pngcairo noenhanced size {},{} font 'DejaVu Sans,16' fontscale 1.1 background "
        "'#ffffff' linewidth 1.6\n",
        2 * layout.width, 2 * layout.height);
  if (format == "pdf")
    return fmt::format("set terminal pdfcairo noenhanced size {:.2f}in,{:.2f}in font 'DejaVu Sans,10'\n",
                       layout.width / 90.0, layout.height / 90.0);
  return fmt::format(
      "set terminal svg noenhanced size {},{} dynamic font 'system-ui,Segoe UI,DejaVu Sans,sans-serif,14' background "
      "'#ffffff'\n",
      layout.width, layout.height);
}

/// In a list of tics a percent sign begins a format.
std::string tic_text(const std::string& text) {
  std::string doubled;
  for (const char c : text) doubled += c == '%' ? "%%" : std::string(1, c);
  return in_quotes(doubled);
}

/// 1, 2 and 5 of each decade.
std::string decade_tics(const std::string& axis) {
  std::string tics;
  for (int decade = -6; decade <= 9; ++decade) {
    for (const int digit : {1, 2, 5}) {
      const double value = digit * std::pow(10.0, decade);
      tics += fmt::format("{}'{:g}' {:g}", tics.empty() ? "" : ", ", value, value);
    }
  }
  return fmt::format("set {}tics ({})\n", axis, tics);
}

std::string axis_commands(const std::string& name, const PlotAxis& axis) {
  std::string text = fmt::format("set {}label {}\n", name, in_quotes(axis.label));
  text += fmt::format("{} logscale {}\n", axis.logarithmic ? "set" : "unset", name);
  text += axis.logarithmic ? decade_tics(name) : fmt::format("set {}tics norotate autofreq\n", name);
  const std::string most = axis.most ? "*<" + number(*axis.most) : "*";
  if (axis.names.empty())
    return text + fmt::format("set {}range [*:{}] {}reverse\n", name, most, axis.falls ? "" : "no");
  std::string tics;
  for (std::size_t i = 0; i < axis.names.size(); ++i)
    tics += fmt::format("{}{} {}", i > 0 ? ", " : "", tic_text(axis.names[i]), i + 1);
  return text + fmt::format("set {0}tics ({1})\nset {0}range [{2}:0.5]\n", name, tics,
                            static_cast<double>(axis.names.size()) + 0.5);
}

/// One block of numbers a series: x y low high.
std::string data_block(const std::string& name, const PlotSeries& series) {
  std::string text = name + " << EOD\n";
  for (const PlotPoint& point : series.points) {
    text += fmt::format("{} {} {} {}\n", number(point.x), number(point.y), number(point.low.value_or(point.y)),
                        number(point.high.value_or(point.y)));
  }
  return text + "EOD\n";
}

bool has_band(const PlotSeries& series) {
  return std::ranges::any_of(series.points, [](const PlotPoint& point) { return point.low.has_value(); });
}

std::string series_panel(const PlotPanel& panel, std::size_t index) {
  std::string data, plots;
  std::size_t color = 0;
  const auto add = [&](const std::string& one) { plots += (plots.empty() ? "plot " : ", \\\n  ") + one; };
  for (std::size_t i = 0; i < panel.series.size(); ++i) {
    const PlotSeries& series = panel.series[i];
    if (series.points.empty()) continue;
    const std::string name = fmt::format("$p{}s{}", index, i);
    data += data_block(name, series);
    const std::size_t style = series.is_control ? i : color;
    const char* paint = series.is_control ? kControlColor : kColors[color++ % kColors.size()];
    const int mark = kMarks[style % kMarks.size()], dash = static_cast<int>(style % 5) + 1;
    if (series.joined && has_band(series) && series.points.size() > 1)
      add(fmt::format("{} using 1:3:4 with filledcurves fs transparent solid 0.15 noborder lc rgb '{}' notitle", name,
                      paint));
    if (has_band(series) && (!series.joined || series.points.size() == 1))
      add(fmt::format("{} using 1:2:3:4 with yerrorbars pt 0 lc rgb '{}' notitle", name, paint));
    add(fmt::format("{} using 1:2 with {} lw 2 dt {} pt {} ps 0.7 lc rgb '{}' title {}", name,
                    series.joined ? "linespoints" : "points", dash, mark, paint, in_quotes(series.label)));
  }
  for (const ReferenceLine& line : panel.lines)
    add(fmt::format("{} with lines lw 1 dt 3 lc rgb '#555555' title {}", number(line.y), in_quotes(line.label)));
  return data + plots + "\n";
}

std::string heat_panel(const HeatMap& heat, std::size_t index) {
  const std::string name = fmt::format("$heat{}", index);
  std::string text = name + " << EOD\n";
  for (const std::vector<double>& row : heat.values) {
    for (const double value : row) text += number(value) + " ";
    text += "\n";
  }
  const auto tics = [](const std::vector<std::string>& names) {
    std::string list;
    for (std::size_t i = 0; i < names.size(); ++i)
      list += (i > 0 ? ", " : "") + tic_text(names[i]) + " " + std::to_string(i);
    return list;
  };
  // From white to dark blue: an order also in gray.
  return text + fmt::format(
                    "EOD\nunset key\nset xtics rotate by -60 scale 0 ({})\nset ytics scale 0 "
                    "({})\nset palette defined (0 '#f7fbff', 0.5 '#6baed6', 1 '#08306b')\nset cbrange [{}:{}]\nset "
                    "yrange [{}:-0.5]\nset xrange [-0.5:{}]\nplot {} matrix with image\n",
                    tics(heat.columns), tics(heat.rows), number(heat.low), number(heat.high),
                    number(static_cast<double>(heat.rows.size()) - 0.5),
                    number(static_cast<double>(heat.columns.size()) - 0.5), name);
}

}  // namespace

const std::vector<std::string>& picture_formats() {
  static const std::vector<std::string> kFormats{"svg", "png", "pdf"};
  return kFormats;
}

std::string gnuplot_script(const Picture& picture, std::string_view format) {
  const Layout layout(picture.panels.size());
  std::string text = "set encoding utf8\n" + terminal(format, layout);
  text += "set border 3 lc rgb '#555555'\nset tics nomirror\nset grid lc rgb '#dddddd' lt 1\n";
  text += "set offsets graph 0.03, graph 0.03, graph 0.05, graph 0.05\n";  // no mark lies on the frame
  text += "set multiplot title " + in_quotes(picture.title) + "\n";
  text += fmt::format("set label 1 {} at screen {:.4f},{:.4f} tc rgb '#555555'\n", in_quotes(picture.note),
                      20.0 / layout.width, 18.0 / layout.height);
  for (std::size_t i = 0; i < picture.panels.size(); ++i) {
    const PlotPanel& panel = picture.panels[i];
    const std::vector<std::string>& names = panel.heat ? panel.heat->rows : panel.y.names;
    std::size_t longest = 0;
    for (const std::string& name : names) longest = std::max(longest, name.size());
    constexpr double kCharacter = 8, kWidest = 300;
    const Layout::Box box =
        layout.box(i, std::min(kWidest, 20 + kCharacter * static_cast<double>(longest)), panel.heat.has_value());
    text += fmt::format(
        "set lmargin at screen {:.4f}\nset rmargin at screen {:.4f}\nset tmargin at screen {:.4f}\nset bmargin at "
        "screen {:.4f}\n",
        box.left, box.right, box.top, box.bottom);
    text += fmt::format("set key at screen {:.4f},{:.4f} center top Left reverse samplen 3 maxrows 4\n",
                        (box.left + box.right) / 2, box.key);
    text += "set title " + in_quotes(panel.title) + "\n" + axis_commands("x", panel.x) + axis_commands("y", panel.y);
    if (!panel.y.names.empty()) text += "unset key\n";
    text += panel.heat ? heat_panel(*panel.heat, i) : series_panel(panel, i);
    text += "unset label 1\n";
  }
  return text + "unset multiplot\n";
}

}  // namespace espalier
