// Every sweep that comes with Espalier, and every example of the documents, is read and laid out.

#include <filesystem>

#include <gmock/gmock.h>

#include "base/files.h"
#include "experiments/expand/check_sweep.h"
#include "experiments/expand/check_trials.h"
#include "tests/experiments/sweep_story.h"

namespace espalier {
namespace {

using testing::IsEmpty;

const std::filesystem::path kRoot = ESPALIER_SOURCE_DIR;

StageGraph lay_out(const std::string& yaml, const std::string& file) {
  const ParsedSweep parsed = parse_sweep(yaml, file);
  EXPECT_THAT(texts(parsed.diagnostics), IsEmpty()) << yaml;
  if (!parsed.spec) return {};
  const Expansion expansion = expand_trials(*parsed.spec, mnist_sizes);
  EXPECT_THAT(texts(expansion.diagnostics), IsEmpty()) << yaml;
  EXPECT_FALSE(expansion.trials.empty());
  return build_stage_graph(expansion.trials);
}

StageGraph lay_out_file(const std::string& name) {
  const std::filesystem::path path = kRoot / "experiments/sweeps" / name;
  return lay_out(read_file(path, 1 << 20), name);
}

TEST(SweepFiles, all_of_them_are_sound) {
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(kRoot / "experiments/sweeps")) {
    const std::string yaml = read_file(entry.path(), 1 << 20);
    lay_out(yaml, entry.path().filename());
    const SweepSpec spec = spec_of(yaml);
    const Expansion expansion = expand_trials(spec, mnist_sizes);
    EXPECT_THAT(texts(check_sweep(spec)), IsEmpty()) << entry.path();
    EXPECT_THAT(texts(check_trials(spec, expansion.trials)), IsEmpty()) << entry.path();
    EXPECT_THAT(texts(expansion.warnings), IsEmpty()) << entry.path();
    ++count;
  }
  EXPECT_GE(count, 3);
}

// At 1 ms a step of batch 60 on each of two cores: quickstart below 4 minutes, the curves below 20.
TEST(SweepFiles, they_take_as_long_as_they_say) {
  EXPECT_LT(lay_out_file("quickstart.yaml").sharing.steps_after, 150'000);
  EXPECT_LT(lay_out_file("mnist-curves.yaml").sharing.steps_after, 1'200'000);
  EXPECT_LT(lay_out_file("lottery-lenet.yaml").sharing.steps_after, 1'600'000);
}

TEST(SweepFiles, each_dense_network_is_trained_once_per_seed) {
  const StageGraph graph = lay_out_file("mnist-curves.yaml");
  int dense = 0;
  for (const Stage& stage : graph.stages) dense += stage.kind == StageKind::train && stage.inputs.size() == 1 ? 1 : 0;
  EXPECT_EQ(dense, 5);
  EXPECT_GT(graph.sharing.steps_before, graph.sharing.steps_after);
}

int lay_out_examples(const std::string& page) {
  const std::string manual = read_file(kRoot / page, 1 << 20);
  const std::string fence = "```yaml\n";
  int count = 0;
  for (std::size_t at = manual.find(fence); at != std::string::npos; at = manual.find(fence, at + 1)) {
    const std::size_t begin = at + fence.size();
    lay_out(manual.substr(begin, manual.find("```", begin) - begin), page);
    ++count;
  }
  return count;
}

TEST(SweepFiles, the_examples_of_the_manual_are_sweeps) {
  EXPECT_GE(lay_out_examples("docs/sweeps.md"), 4);
  EXPECT_GE(lay_out_examples("docs/training.md"), 4);
  EXPECT_GE(lay_out_examples("docs/pruning.md"), 8);
  EXPECT_GE(lay_out_examples("docs/running.md"), 1);
  EXPECT_GE(lay_out_examples("docs/datasets.md"), 2);
}

}  // namespace
}  // namespace espalier
