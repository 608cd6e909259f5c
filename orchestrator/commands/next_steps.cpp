#include "orchestrator/commands/next_steps.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "cluster/launch/batch_script.h"
#include "orchestrator/commands/commands.h"

namespace espalier {
namespace {

std::string word_of_a_shell(const std::string& text) {
  constexpr const char* kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./@+,:-";
  return !text.empty() && text.find_first_not_of(kPlain) == std::string::npos ? text : shell_quoted(text);
}

/// From the current folder where that is shorter, since `./dev` calls it by its whole path.
std::string shortest_call(const std::string& program) {
  if (program.find('/') == std::string::npos) return program;
  std::error_code gone;
  const std::string near = std::filesystem::proximate(program, gone).string();
  return gone || near.size() >= program.size() || near.find('/') == std::string::npos ? program : near;
}

}  // namespace

std::string next_steps(const std::string& program, const std::string& sweep, const std::string& store, bool pruned) {
  std::vector<std::pair<std::string, const char*>> steps;
  if (pruned) {
    steps.emplace_back("compare " + sweep + " --format csv", "the same comparison, in full precision");
    steps.emplace_back("layers " + sweep, "where each method keeps its weights");
  }
  steps.emplace_back("results " + sweep + " --format csv", "every trial");
  steps.emplace_back("status", "the sweeps of this store");
  const std::string where = store == CommandLine().store ? "" : " --store " + word_of_a_shell(store);
  std::size_t width = 0;
  for (auto& [command, about] : steps) {
    command = word_of_a_shell(shortest_call(program)) + " " + command + where;
    width = std::max(width, command.size());
  }
  std::string text = "Next:\n";
  for (const auto& [command, about] : steps) text += fmt::format("  {:<{}}  # {}\n", command, width, about);
  return text;
}

}  // namespace espalier
