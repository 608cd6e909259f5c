#include "analysis/text/output_format.h"

#include "base/error.h"
#include "base/suggest.h"

namespace espalier {

const std::vector<std::string>& output_format_names() {
  static const std::vector<std::string> names{"table", "csv", "json", "markdown"};
  return names;
}

OutputFormat parse_output_format(std::string_view text) {
  const std::vector<std::string>& names = output_format_names();
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] == text) return static_cast<OutputFormat>(i);
  }
  throw Error(ErrorKind::invalid_input, "--format: " + unknown_name(text, names));
}

}  // namespace espalier
