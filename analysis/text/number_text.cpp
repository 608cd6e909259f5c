#include "analysis/text/number_text.h"

#include <cmath>

#include <fmt/format.h>

namespace espalier {

std::string percent_text(const std::optional<double>& fraction) {
  return fraction ? fmt::format("{:.2f}", 100 * *fraction) : "";
}

std::string sparsity_text(double fraction) {
  std::string text = fmt::format("{:.2f}", 100 * fraction);
  while (text.back() == '0') text.pop_back();
  if (text.back() == '.') text.pop_back();
  return text + " %";
}

std::string points_text(double points) {
  return std::abs(points) < 0.005 ? "0.00" : fmt::format("{:+.2f}", points);
}

std::string interval_text(const std::optional<double>& low, const std::optional<double>& high) {
  return low && high ? "[" + points_text(*low) + ", " + points_text(*high) + "]" : "";
}

std::string p_value_text(const std::optional<double>& p_value) {
  if (!p_value) return "";
  return *p_value < 0.001 ? "<0.001" : fmt::format("{:.3f}", *p_value);
}

std::string count_text(std::int64_t count) {
  std::string text = std::to_string(count);
  const std::ptrdiff_t first = count < 0 ? 1 : 0;
  for (std::ptrdiff_t at = static_cast<std::ptrdiff_t>(text.size()) - 3; at > first; at -= 3) {
    text.insert(static_cast<std::size_t>(at), ",");
  }
  return text;
}

std::string counted(std::int64_t count, const std::string& noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

std::string exact_text(double number) {
  return fmt::format("{}", number);
}

}  // namespace espalier
