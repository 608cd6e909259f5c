#pragma once

#include <regex>
#include <string>
#include <vector>

namespace espalier {

/// The subcommands that a --help lists, under whatever headings.
inline std::vector<std::string> commands_in_help(const std::string& help) {
  const std::string lists = help.substr(0, help.find("\nFirst steps:"));  // behind it are examples
  const std::regex name("\\n  ([a-z][a-z-]*)  ");
  std::vector<std::string> commands;
  for (std::sregex_iterator at(lists.begin(), lists.end(), name), end; at != end; ++at) commands.push_back((*at)[1]);
  return commands;
}

}  // namespace espalier
