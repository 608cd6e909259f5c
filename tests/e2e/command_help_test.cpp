// What --help says of every command, and how a command names its sweep.
#include "tests/e2e/command_help.h"

#include <functional>
#include <map>
#include <set>

#include "tests/e2e/tiny_store.h"

namespace espalier {
namespace {

class CommandHelp : public TinyStore {
 protected:
  /// Calls visit("db check", its help) for every command.
  static void for_each_command(const std::function<void(const std::string&, const std::string&)>& visit,
                               const std::string& group = "") {
    std::vector<std::string> words = words_of(group);
    words.emplace_back("--help");
    const ProgramEnd end = espalier(words);
    ASSERT_EQ(end.exit_code, 0) << group << end.err;
    const std::vector<std::string> commands = commands_in_help(end.out);
    if (!group.empty()) visit(group, end.out);
    for (const std::string& name : commands) for_each_command(visit, group.empty() ? name : group + " " + name);
  }
};

TEST_F(CommandHelp, OnlyThatOfTheProgramHasFirstSteps) {
  EXPECT_NE(espalier({"--help"}).out.find("First steps:"), std::string::npos);
  int commands = 0;
  for_each_command([&](const std::string& command, const std::string& help) {
    EXPECT_EQ(help.find("First steps:"), std::string::npos) << command;
    EXPECT_EQ(help.find("Exit codes:"), std::string::npos) << command;
    ++commands;
  });
  EXPECT_GE(commands, 35);
}

TEST_F(CommandHelp, ArgumentsHaveOneNameForOneThing) {
  std::map<std::string, std::set<std::string>> commands;  // by what they take, as the line of usage has it
  for_each_command([&](const std::string& command, const std::string& help) {
    EXPECT_EQ(help.find("--sweep"), std::string::npos) << command;
    const std::size_t usage = help.find(" [OPTIONS]");
    ASSERT_NE(usage, std::string::npos) << command;
    const std::size_t arguments = usage + std::string(" [OPTIONS]").size();
    for (const std::string& word : words_of(help.substr(arguments, help.find('\n', arguments) - arguments)))
      commands[word].insert(command);
  });
  using Names = std::set<std::string>;
  EXPECT_EQ(commands["SWEEP.yaml"], (Names{"check", "plan", "simulate", "run", "retry", "chaos", "submit"}));
  EXPECT_EQ(commands["[SWEEP]"], (Names{"compare", "results", "failures", "plot", "layers", "overlap", "sensitivity",
                                        "cancel", "pause", "resume"}));
  EXPECT_EQ(commands["SWEEP"], (Names{"priority"}));
  for (const auto& [argument, with_it] : commands)
    EXPECT_EQ(argument.find_first_of("abcdefghijklmnopqrstuvwxyz"),
              argument.find(".yaml") == std::string::npos ? std::string::npos : argument.find("yaml"))
        << argument << " of " << *with_it.begin();
}

TEST_F(CommandHelp, ASweepOfTheStoreIsNamedByItsLabel) {
  for (const std::string command : {"compare", "results", "failures", "layers", "overlap", "sensitivity"}) {
    SCOPED_TRACE(command);
    const ProgramEnd named = run_line(command + " tiny --store S");
    EXPECT_EQ(named.exit_code, 0) << named.err;
    EXPECT_EQ(run_line(command + " --sweep tiny --store S").out, named.out);
    EXPECT_EQ(run_line(command + " --store S").out, named.out);
    expect_steps({{command + " none --store S", 2, "unknown \"none\" (one of tiny)"},
                  {command + " tiny --sweep tiny --store S", 2, "excludes"}});
  }
  expect_step({"run ok.yaml --store S --workers 1 --quiet --set sweep=other", 0, ""});
  for (const std::string command : {"layers", "overlap", "sensitivity"})
    expect_step({command + " --store S", 2, "S has several sweeps: name one of tiny, other"});
}

}  // namespace
}  // namespace espalier
