// What a run says to look at next: on a terminal alone, and each of it works.
#include "tests/e2e/tiny_store.h"

namespace espalier {
namespace {

class NextSteps : public TinyStore {
 protected:
  /// What a person sees of it.
  std::string on_a_terminal(const std::string& line) {
    const std::string program = espalier_command({})[0];
    const ProgramEnd end =
        Program({"/usr/bin/script", "-qec", program + " " + line, "/dev/null"}, {}, folder_).wait(60);
    EXPECT_EQ(end.exit_code, 0) << end.out << end.err;
    std::string text = end.out;
    std::erase(text, '\r');
    return text;
  }
  static std::vector<std::string> steps_of(const std::string& text) {
    std::vector<std::string> steps;
    std::size_t at = text.find("Next:\n");
    while (at != std::string::npos && (at = text.find("\n  ", at)) != std::string::npos) {
      at += 3;
      steps.push_back(text.substr(at, text.find("  #", at) - at));
    }
    return steps;
  }
};

TEST_F(NextSteps, EachOfThemIsACommandThatWorks) {
  std::filesystem::rename(place("S"), place("a store"));
  const std::vector<std::string> steps = steps_of(on_a_terminal("run ok.yaml --store 'a store'"));
  ASSERT_EQ(steps.size(), 4U);
  for (const std::string& step : steps) {
    const ProgramEnd end = Program({"/bin/sh", "-c", step}, {}, folder_).wait(60);
    EXPECT_EQ(end.exit_code, 0) << step << "\n" << end.err;
    EXPECT_FALSE(end.out.empty()) << step;
  }
}

TEST_F(NextSteps, ADenseSweepHasNothingToCompare) {
  write("dense.yaml",
        "sweep: plain\ndataset: {name: glyphs, train: 600, test: 200}\nmodel: lenet-300-100\nseeds: 1\n"
        "train: {lr: 0.1, batch_size: 100, epochs: 1}\n");
  const std::string text = on_a_terminal("run dense.yaml --store S --workers 1");
  EXPECT_EQ(steps_of(text).size(), 2U) << text;
  EXPECT_EQ(text.find("layers plain"), std::string::npos) << text;
}

TEST_F(NextSteps, AreNotForScripts) {
  const ProgramEnd piped = run_line("run ok.yaml --store S");
  EXPECT_NE(piped.out.find("Holm"), std::string::npos) << piped.out;
  EXPECT_EQ((piped.out + piped.err).find("Next:"), std::string::npos) << piped.out;
  EXPECT_EQ(on_a_terminal("run ok.yaml --store S --quiet").find("Next:"), std::string::npos);
}

}  // namespace
}  // namespace espalier
