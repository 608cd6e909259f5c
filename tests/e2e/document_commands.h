#pragma once

#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include "base/files.h"

namespace espalier {

/// The lines of a document's ```sh blocks, without comments.
inline std::vector<std::string> commands_in(const std::filesystem::path& document) {
  std::istringstream in(read_file(document, 1 << 20));
  std::vector<std::string> commands;
  bool inside = false;
  for (std::string line; std::getline(in, line);) {
    if (line.rfind("```", 0) == 0) {
      inside = line == "```sh";
    } else if (inside && !line.empty()) {
      commands.push_back(line.substr(0, line.find(" #")));
    }
  }
  return commands;
}

/// Blocks of that language on a page, in order.
inline std::vector<std::string> blocks_in(const std::string& page, const std::string& language) {
  std::vector<std::string> found;
  const std::string fence = "```" + language + "\n";
  for (std::size_t at = page.find(fence); at != std::string::npos; at = page.find(fence, at)) {
    at += fence.size();
    found.push_back(page.substr(at, page.find("```", at) - at));
  }
  return found;
}

}  // namespace espalier
