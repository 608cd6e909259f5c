// What the cost of a file is measured in (costs, docs/building.md): nothing of ours, and about a second.
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <regex>
#include <string>
#include <unordered_map>
#include <vector>

std::map<std::string, std::vector<int>> words_of(const std::string& text) {
  std::map<std::string, std::vector<int>> words;
  const std::regex word("[a-z]+");
  for (std::sregex_iterator at(text.begin(), text.end(), word), end; at != end; ++at)
    words[at->str()].push_back(static_cast<int>(at->position()));
  return words;
}
