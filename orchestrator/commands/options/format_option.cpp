#include "orchestrator/commands/options/format_option.h"

#include <string>

#include <CLI/CLI.hpp>

#include "base/word_option.h"

namespace espalier {

std::shared_ptr<OutputFormat> add_format_option(CLI::App& command) {
  auto format = std::make_shared<OutputFormat>(OutputFormat::table);
  command
      .add_option_function<std::string>(
          "--format", [format](const std::string& name) { *format = parse_output_format(name); },
          "table and markdown for people; csv and json for programs (exact)")
      ->check(word_option(output_format_names()))
      ->default_str("table");
  command.add_flag_callback(
      "--json", [format] { *format = OutputFormat::json; }, "As JSON");
  return format;
}

}  // namespace espalier
