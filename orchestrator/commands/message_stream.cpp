#include "orchestrator/commands/message_stream.h"

#include <algorithm>
#include <iostream>

#include "experiments/paths/output_file.h"

namespace espalier {

std::ostream& message_stream(const std::vector<std::filesystem::path>& outputs) {
  return std::ranges::any_of(outputs, is_standard_output) ? std::cerr : std::cout;
}

}  // namespace espalier
