#include "experiments/expand/name_patterns.h"

#include <fnmatch.h>

#include "base/suggest.h"

namespace espalier {

std::vector<std::size_t> find_matches(const std::string& pattern, const std::vector<std::string>& names,
                                      const KeyPlace& place, Problems& problems) {
  std::vector<std::size_t> found;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (fnmatch(pattern.c_str(), names[i].c_str(), 0) == 0) found.push_back(i);
  }
  if (found.empty()) problems.add(place, "the model has no such layer: " + unknown_name(pattern, names));
  return found;
}

}  // namespace espalier
