#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace espalier {

/// `--format` of the commands that print rows. Tables and Markdown are for people (percent, rounded); CSV and JSON for
/// programs (fractions, exact).
enum class OutputFormat { table, csv, json, markdown };

/// "table", "csv", "json", "markdown".
const std::vector<std::string>& output_format_names();
/// Errors: ErrorKind::invalid_input for a text that names none, with the choices.
OutputFormat parse_output_format(std::string_view text);

}  // namespace espalier
