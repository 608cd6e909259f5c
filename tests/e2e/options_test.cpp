// Every number that either program takes on its command line is checked.
#include <regex>
#include <set>

#include <gtest/gtest.h>

#include "tests/e2e/command_help.h"
#include "tests/e2e/program.h"

namespace espalier {
namespace {

using Words = std::vector<std::string>;

ProgramEnd run_words(const std::string& program, Words arguments) {
  const auto path = std::filesystem::read_symlink("/proc/self/exe").parent_path() / program;
  arguments.insert(arguments.begin(), path.string());
  return Program(arguments).wait(60);
}

/// The options with a number, and the subcommands, that --help lists.
struct Help {
  std::set<std::string> numbers;
  std::vector<std::string> commands;
};

Help read_help(const std::string& program, Words command) {
  command.emplace_back("--help");
  const std::string text = run_words(program, command).out;
  Help help;
  const std::regex number("(?:^|\\n)  (?:-[a-z],)?(--[a-z-]+) (?:INT|UINT|FLOAT)");
  for (std::sregex_iterator at(text.begin(), text.end(), number), end; at != end; ++at) help.numbers.insert((*at)[1]);
  help.commands = commands_in_help(text);
  return help;
}

void expect_checked(const std::string& program, const Words& command, std::set<std::string>& seen) {
  const Help help = read_help(program, command);
  for (const std::string& option : help.numbers) {
    seen.insert(option);
    for (const char* value : {"nan", "-1e999", "99999999999999999999"}) {
      Words words = command;
      words.push_back(option + "=" + value);
      const ProgramEnd end = run_words(program, words);
      EXPECT_NE(end.exit_code, 0) << option << "=" << value;
      EXPECT_NE(end.err.find("number from "), std::string::npos) << option << "=" << value << "\n" << end.err;
    }
  }
  for (const std::string& name : help.commands) {
    Words deeper = command;
    deeper.push_back(name);
    expect_checked(program, deeper, seen);
  }
}

TEST(Options, every_number_of_espalier_is_in_its_range) {
  std::set<std::string> seen;
  expect_checked("espalier", {}, seen);
  for (const char* option : {"--hang-limit", "--latency", "--losses", "--rejoin", "--silence", "--grace", "--beat",
                             "--memory-per-rank", "--seed", "--interval", "--kill-rank", "--sparsity"})
    EXPECT_TRUE(seen.contains(option)) << option;
}

TEST(Options, every_number_of_the_worker_is_in_its_range) {
  std::set<std::string> seen;
  expect_checked("espalier-worker", {}, seen);
  for (const char* option : {"--cache-gb", "--time-limit", "--ranks", "--classes", "--patience"})
    EXPECT_TRUE(seen.contains(option)) << option;
}

}  // namespace
}  // namespace espalier
