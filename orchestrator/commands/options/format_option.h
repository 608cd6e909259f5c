#pragma once

#include <memory>

#include "analysis/text/output_format.h"

namespace CLI {
class App;
}

namespace espalier {

/// `--format table|csv|json|markdown` and its short form `--json`. The value is set when the command runs.
std::shared_ptr<OutputFormat> add_format_option(CLI::App& command);

}  // namespace espalier
