#include "orchestrator/commands/told_beside.h"

#include <algorithm>
#include <iostream>

#include "experiments/paths/output_file.h"

namespace espalier {

std::ostream& told_beside(const std::vector<std::filesystem::path>& outputs) {
  return std::ranges::any_of(outputs, is_standard_output) ? std::cerr : std::cout;
}

}  // namespace espalier
