// Runs the commands of the documents, line by line.
#include "base/files.h"
#include "tests/e2e/document_commands.h"
#include "tests/e2e/sweep_case.h"

namespace espalier {
namespace {

const std::filesystem::path kProject = ESPALIER_SOURCE_DIR;

class Documents : public SweepCase {
 protected:
  void SetUp() override {
    SweepCase::SetUp();
    std::filesystem::create_directory_symlink(kProject / "experiments", folder_ / "experiments");
    bin_ = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  }
  /// As a reader would, in a folder that has experiments/ in it.
  ProgramEnd type(std::string line) {
    for (const auto& [written, here] : {std::pair<std::string, std::string>{"build/release/bin/", bin_.string() + "/"},
                                        {"./dev run", "espalier run"}}) {
      const std::size_t at = line.find(written);
      if (at != std::string::npos) line.replace(at, written.size(), here);
    }
    return Program({"/bin/bash", "-c", line}, {{"PATH", bin_.string() + ":" + std::getenv("PATH")}}, folder_).wait();
  }
  void type_all(const std::filesystem::path& document, std::size_t at_least) {
    const std::vector<std::string> commands = commands_in(document);
    EXPECT_GE(commands.size(), at_least);
    for (const std::string& command : commands) {
      if (command == "./dev test") continue;  // that is what runs this
      const ProgramEnd end = type(command.starts_with("./dev run") ? command + run_options_ : command);
      EXPECT_EQ(end.exit_code, 0) << command << "\n" << end.out << end.err;
      EXPECT_FALSE(end.out.empty()) << command;
    }
  }
  std::filesystem::path bin_;
  std::string run_options_;  ///< put behind the README's first command
};

/// The table that the README's first command promises, by the numbers behind it.
void expect_quickstart(const nlohmann::json& rows, int seeds) {
  EXPECT_EQ(rows.size(), 19U * static_cast<unsigned>(seeds));
  double dense = 0;
  for (const nlohmann::json& row : rows) dense += row["method"] == "dense" ? row["accuracy"].get<double>() / seeds : 0;
  EXPECT_GT(dense, 0.97);
}

TEST_F(Documents, ReadmeWithOneSeed) {
  run_options_ = " --set seeds=1";
  type_all(kProject / "README.md", 6);
  expect_quickstart(results_of((folder_ / "espalier-store").string()), 1);
}

class LongDocuments : public Documents {};

TEST_F(LongDocuments, Readme) {
  type_all(kProject / "README.md", 6);
  expect_quickstart(results_of((folder_ / "espalier-store").string()), 5);
}

TEST_F(Documents, Commands) {
  type_all(kProject / "docs" / "commands.md", 6);
}

TEST_F(Documents, AFirstSweep) {
  type_all(kProject / "docs" / "sweeps.md", 5);
}

TEST_F(Documents, Failures) {
  type_all(kProject / "docs" / "failures.md", 5);
}

TEST_F(Documents, Simulate) {
  type_all(kProject / "docs" / "simulate.md", 4);
}

TEST_F(Documents, Models) {
  const std::filesystem::path page = kProject / "docs" / "models.md";
  type_all(page, 3);
  // Its examples of a graph, line by line.
  const std::string graph = espalier({"models", "lenet-5", "--graph"}).out;
  const std::string shown = read_file(page, 1 << 20);
  for (std::size_t block = shown.find("```\nnode "); block != std::string::npos;
       block = shown.find("```\nWhat ", block)) {
    std::istringstream lines(shown.substr(block + 4, shown.find("\n```", block + 4) - block - 4));
    for (std::string line; std::getline(lines, line);) EXPECT_NE(graph.find(line + "\n"), std::string::npos) << line;
    block += 4;
  }
  // Its table is what the program counts.
  const std::string text = read_file(page, 1 << 20);
  const nlohmann::json models = nlohmann::json::parse(espalier({"models", "--json"}).out);
  EXPECT_GE(models.size(), 13U);
  const auto with_commas = [](std::int64_t count) {
    std::string digits = std::to_string(count);
    for (std::size_t end = digits.size(); end > 3; end -= 3) digits.insert(end - 3, ",");
    return digits;
  };
  for (const nlohmann::json& model : models) {
    std::string name = model["name"];
    if (name == "transformer-2x64x4") name = "transformer";
    const std::size_t row = text.find("| `" + name + "`");
    ASSERT_NE(row, std::string::npos) << name;
    const std::string line = text.substr(row, text.find('\n', row) - row);
    for (const char* count : {"parameters", "prunable", "madds"})
      EXPECT_NE(line.find("| " + with_commas(model[count]) + " |"), std::string::npos) << name << " " << count;
  }
}

TEST_F(Documents, HelpIsThereForEveryCommand) {
  const std::string page = read_file(kProject / "docs" / "commands.md", 1 << 20);
  for (const char* command :
       {"run",   "plan",    "simulate", "check",       "status",  "failures", "retry",    "results", "compare",
        "plot",  "overlap", "layers",   "sensitivity", "explain", "export",   "chaos",    "cancel",  "pool",
        "serve", "submit",  "ps",       "logs",        "pause",   "resume",   "priority", "drain",   "stop",
        "db",    "gc",      "token",    "methods",     "models",  "datasets"}) {
    const ProgramEnd end = espalier({command, "--help"});
    EXPECT_EQ(end.exit_code, 0) << command;
    EXPECT_NE(end.out.find("--"), std::string::npos) << command;
    EXPECT_NE(page.find(command), std::string::npos) << command << " is not in docs/commands.md";
  }
}

}  // namespace
}  // namespace espalier
