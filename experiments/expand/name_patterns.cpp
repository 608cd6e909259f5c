#include "experiments/expand/name_patterns.h"

#include <fnmatch.h>

#include "base/suggest.h"

namespace espalier {

bool fits_pattern(const std::string& pattern, const std::string& name) {
  return fnmatch(pattern.c_str(), name.c_str(), 0) == 0;
}

std::vector<std::size_t> find_matches(const std::string& pattern, const std::vector<std::string>& names,
                                      const KeyPlace& place, Problems& problems) {
  std::vector<std::size_t> found;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (fits_pattern(pattern, names[i])) found.push_back(i);
  }
  if (found.empty()) problems.add(place, "the model has no such layer: " + unknown_name(pattern, names));
  return found;
}

}  // namespace espalier
