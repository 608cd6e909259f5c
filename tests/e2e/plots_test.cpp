// docs/plots.md, command by command, and requests that cannot be met.
#include <string>

#include "base/files.h"
#include "tests/e2e/document_commands.h"
#include "tests/e2e/tiny_store.h"
#include "tests/needs.h"

namespace espalier {
namespace {

class Plots : public TinyStore {
 protected:
  static constexpr const char* kPage = ESPALIER_SOURCE_DIR "/docs/plots.md";
};

TEST_F(Plots, ThePageIsTrue) {
  ESPALIER_NEEDS("gnuplot", std::filesystem::exists("/usr/bin/gnuplot"), "no gnuplot; Debian: gnuplot-nox");
  const std::string page = read_file(kPage, 1 << 20), open = "```yaml\n";
  const std::size_t first = page.find(open) + open.size();
  write("drawn.yaml", page.substr(first, page.find("```", first) - first));
  std::string said;
  for (const std::string& command : commands_in(kPage)) {
    ASSERT_TRUE(command.starts_with("espalier ")) << command;
    const ProgramEnd end = run_line(command.substr(9));
    ASSERT_EQ(end.exit_code, 0) << command << "\n" << end.err;
    EXPECT_EQ(end.err.find("gnuplot"), std::string::npos) << end.err;
    said = end.out;
  }
  EXPECT_TRUE(said.starts_with("panel,series,x,y,low,high\r\nlenet-5 on glyphs,")) << said;
  for (const char* svg : {"accuracy.svg", "difference.svg", "layers.svg", "overlap.svg", "ranks.svg"}) {
    const std::string picture = read_file(place(svg), 1 << 24);
    EXPECT_NE(picture.find("<svg"), std::string::npos) << svg;
    EXPECT_NE(picture.find("magnitude"), std::string::npos) << svg;
    EXPECT_NE(picture.find("<title>drawn: "), std::string::npos) << svg;
  }
  for (const char* png : {"pareto.png", "latency.png"})
    EXPECT_TRUE(read_file(place(png), 1 << 24).starts_with("\x89PNG")) << png;
  EXPECT_TRUE(read_file(place("curves.pdf"), 1 << 24).starts_with("%PDF"));
}

TEST_F(Plots, WhatCannotBeDrawnIsSaid) {
  expect_steps({{"plot acuracy tiny -o a.svg --store S", 2, "accuracy"},
                {"plot accuracy tiny --store S", 2, "--data"},
                {"plot accuracy tiny -o a.gif --store S", 2, ".svg"},
                {"plot accuracy tiny -o no/such/a.svg --store S", 2, "no/such"},
                {"plot accuracy nothing -o a.svg --store S", 2, "nothing"},
                {"plot latency tiny -o a.svg --store S", 2, "measured speed-up"},
                {"plot accuracy tiny --data --store S", 0, "lenet-300-100 on glyphs"},
                {"plot accuracy tiny --data -o numbers.csv --store S", 0, "wrote numbers.csv"},
                {"plot accuracy tiny --data -o numbers.csv --store S", 2, "numbers.csv"},
                {"plot accuracy tiny --data -o numbers.csv --force --store S", 0, "wrote numbers.csv"}});
}

TEST_F(Plots, WithoutGnuplotTheNumbersAreThere) {
  const ProgramEnd end =
      Program(
          espalier_command({"plot", "accuracy", "tiny", "-o", place("a.svg").string(), "--store", place("S").string()}),
          {{"PATH", folder_.string()}}, folder_)
          .wait();
  EXPECT_EQ(end.exit_code, 3) << end.err;
  EXPECT_NE(end.err.find("gnuplot-nox"), std::string::npos) << end.err;
  EXPECT_NE(end.err.find("--data"), std::string::npos) << end.err;
  EXPECT_FALSE(std::filesystem::exists(place("a.svg")));
}

}  // namespace
}  // namespace espalier
