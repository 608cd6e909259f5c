#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace espalier {

// Numbers as reports print them; fractions become percent here and nowhere else. "" for a missing number.

/// 0.97125 -> `97.13`.
std::string percent_text(const std::optional<double>& fraction);
/// 0.9 -> `90 %`, 0.964182 -> `96.42 %`, 0.995 -> `99.5 %`.
std::string sparsity_text(double fraction);
/// `+0.52`, `-1.30`, `0.00`: percentage points.
std::string points_text(double points);
/// `[+0.10, +0.94]`.
std::string interval_text(const std::optional<double>& low, const std::optional<double>& high);
/// `0.012`, `<0.001`.
std::string p_value_text(const std::optional<double>& p_value);
/// 266610 -> `266,610`.
std::string count_text(std::int64_t count);
/// `1 job`, `2 jobs`.
std::string counted(std::int64_t count, const std::string& noun);
/// The shortest text that reads back as the same number.
std::string exact_text(double number);

}  // namespace espalier
