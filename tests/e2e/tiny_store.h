#pragma once

#include <filesystem>
#include <sstream>
#include <string>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/e2e/sweep_case.h"

namespace espalier {

inline constexpr const char* kTinySweep =
    "sweep: tiny\n"
    "dataset: {name: glyphs, train: 600, test: 200}\n"
    "model: lenet-300-100\n"
    "seeds: 1\n"
    "train: {lr: 0.1, batch_size: 100, epochs: 1}\n"
    "prune: {method: magnitude, sparsity: [0.5, 0.8, 0.9]}\n"
    "controls: [random]\n";

/// One command, and how it has to end. In `command`, KEY is a trial's key. `says` stands in what it prints on either
/// stream; "" says nothing of that.
struct Step {
  std::string command;
  int exit_code = 0;
  std::string says;
};

/// A folder with ok.yaml and S, a store that has its results, made once for all tests of a program. Commands run in it.
class TinyStore : public SweepCase {
 protected:
  static void SetUpTestSuite() {
    made_ = std::filesystem::temp_directory_path() / ("espalier_tiny_" + std::to_string(::getpid()));
    std::filesystem::remove_all(made_);
    std::filesystem::create_directories(made_);
    std::ofstream(made_ / "ok.yaml") << kTinySweep;
    const ProgramEnd end =
        espalier({"run", (made_ / "ok.yaml").string(), "--store", (made_ / "S").string(), "--workers", "1", "--quiet"});
    ASSERT_EQ(end.exit_code, 0) << end.out << end.err;
    for (const auto& row : results_of((made_ / "S").string())) {
      if (row.at("method") == "magnitude") key_ = row.at("trial_key").get<std::string>().substr(0, 16);
    }
    ASSERT_FALSE(key_.empty());
  }
  static void TearDownTestSuite() { std::filesystem::remove_all(made_); }

  void SetUp() override {
    SweepCase::SetUp();
    std::filesystem::copy(made_, folder_, std::filesystem::copy_options::recursive);
  }

  static std::vector<std::string> words_of(const std::string& line) {
    std::istringstream in(line);
    std::vector<std::string> words;
    for (std::string word; in >> word;) words.push_back(word == "KEY" ? key_ : word);
    return words;
  }
  /// `shell` is what /bin/sh is to do around it, as "> /dev/full"; `before` what it is to be run with, as setpriv.
  ProgramEnd run_line(const std::string& line, const std::string& shell = "",
                      const std::vector<std::string>& before = {}) {
    std::vector<std::string> words = before;
    for (const std::string& word : shell.empty() ? espalier_command({}) : in_shell(shell)) words.push_back(word);
    for (const std::string& word : words_of(line)) words.push_back(word);
    return Program(words, {{"ESPALIER_DATA", ""}}, folder_).wait(60);
  }
  void expect_step(const Step& step, const std::string& shell = "", const std::vector<std::string>& before = {}) {
    const ProgramEnd end = run_line(step.command, shell, before);
    EXPECT_EQ(end.exit_code, step.exit_code) << step.command << "\n" << end.err;
    EXPECT_NE((end.out + end.err).find(step.says), std::string::npos)
        << step.command << ": no \"" << step.says << "\" in: " << end.err;
    EXPECT_EQ(end.err.find("internal error"), std::string::npos) << step.command << ": " << end.err;
  }
  void expect_steps(const std::vector<Step>& steps) {
    for (const Step& step : steps) expect_step(step);
  }

  std::filesystem::path place(const std::string& name) const { return folder_ / name; }
  std::string bytes_of(const std::string& name) const {
    std::ifstream in(folder_ / name, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }

 private:
  static std::vector<std::string> in_shell(const std::string& around) {
    return {"/bin/sh", "-c", "exec \"$0\" \"$@\" " + around, espalier_command({})[0]};
  }

  static inline std::filesystem::path made_;
  static inline std::string key_;
};

}  // namespace espalier
