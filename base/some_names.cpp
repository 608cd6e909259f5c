#include "base/some_names.h"

#include <algorithm>

namespace espalier {

std::string some_names(const std::vector<std::string>& names, std::size_t most, const std::string& between) {
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), most); ++i) text += (i == 0 ? "" : between) + names[i];
  return names.size() > most ? text + " and " + std::to_string(names.size() - most) + " more" : text;
}

}  // namespace espalier
