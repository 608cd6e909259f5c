#include "orchestrator/sweeps/load_sweep.h"

#include <filesystem>
#include <unistd.h>

#include <gmock/gmock.h>

#include "base/error.h"
#include "base/files.h"

namespace espalier {
namespace {

using testing::HasSubstr;

std::string why_refused(const std::string& yaml, const std::stop_token& stop = {}) {
  try {
    load_sweep_text(yaml, "some.yaml", {}, "", {}, {}, stop);
    return "";
  } catch (const Error& error) {
    return error.what();
  }
}

std::string gradual(const std::string& bounds) {
  return "sweep: gradual\ndataset: {name: glyphs, train: 12000}\nmodel: resnet-56\nseeds: 1\n"
         "train: {optimizer: sgd, lr: 0.1, batch_size: 1, epochs: 1}\nprune:\n  method: magnitude\n"
         "  sparsity: 0.5\n  schedule: {cubic: {end: 10000it, every: 1it}}\n" +
         bounds;
}

TEST(LoadSweep, AStageThatFitsInNoFrameIsRefusedBeforeAnyWork) {
  const std::string why = why_refused(gradual("  min_kept: {\"*\": 0.01}\n  max_kept: {\"*\": 0.99}\n"));
  EXPECT_THAT(why, HasSubstr("MiB to say, and 4 are the limit"));
  EXPECT_THAT(why, HasSubstr("train resnet-56"));
}

TEST(LoadSweep, AStopIsHeard) {
  std::stop_source stop;
  stop.request_stop();
  EXPECT_THAT(why_refused(gradual(""), stop.get_token()), HasSubstr("the coordinator stops"));
}

std::vector<std::string> warnings_of(const std::string& yaml) {
  std::vector<std::string> lines;
  for (const Diagnostic& warning : load_sweep_text(yaml, "some.yaml", {}, "", {}).warnings)
    lines.push_back(to_string(warning));
  return lines;
}

TEST(LoadSweep, WhatIsReadFirstHasNothingToWarnOf) {
  const std::filesystem::path root = ESPALIER_SOURCE_DIR;
  EXPECT_THAT(warnings_of(read_file(root / "experiments/sweeps/quickstart.yaml", 1 << 20)), testing::IsEmpty());
  for (const char* page : {"README.md", "docs/sweeps.md"}) {
    const std::string text = read_file(root / page, 1 << 20);
    const std::size_t begin = text.find("```yaml\n") + 8;
    std::string example = text.substr(begin, text.find("```", begin) - begin);
    const std::string data = "dataset: mnist";  // which may not be here
    example.replace(example.find(data), data.size(), "dataset: {name: glyphs, train: 60000, test: 10000}");
    EXPECT_THAT(warnings_of(example), testing::IsEmpty()) << page;
  }
}

TEST(LoadSweep, SeedsThatShowOnlyWhatIsPlainAreSaid) {
  const std::string text =
      "sweep: s\ndataset: {name: glyphs, train: 600}\nmodel: lenet-300-100\ntrain: {lr: 0.1, epochs: 1}\n"
      "prune: {method: [magnitude, gradient, taylor], sparsity: [0.2, 0.4, 0.5, 0.6, 0.7]}\n";
  EXPECT_THAT(
      warnings_of("seeds: 3\n" + text),
      testing::ElementsAre("some.yaml:1:8: warning: seeds: with 3 seeds and 15 comparisons only effects above 10 "
                           "standard deviations can be significant; 5 seeds: 2.8"));
  EXPECT_THAT(warnings_of("seeds: 5\n" + text), testing::IsEmpty());
  EXPECT_THAT(warnings_of("seeds: 3\n" + text + "controls: [shuffle]\n"),
              testing::ElementsAre(HasSubstr("no random control")));  // and so no comparison
}

// What a pool uploads must not come back as a program, or as data, by way of a submitted sweep.
TEST(LoadSweep, NothingInAStoreIsReadForASubmittedOne) {
  namespace fs = std::filesystem;
  const fs::path folder = fs::temp_directory_path() / ("espalier_load_sweep_" + std::to_string(::getpid()));
  fs::create_directories(folder / "store" / "artifacts");
  write_file_atomically(folder / "store" / "espalier.db", "");
  write_file_atomically(folder / "store" / "artifacts" / "net.pt", "a program");
  fs::create_symlink("store/artifacts/net.pt", folder / "link.pt");
  fs::create_directory_symlink(folder / "store" / "artifacts", folder / "linked");
  const auto why = [&](const std::string& dataset, const std::string& model) {
    try {
      load_sweep_text("sweep: s\ndataset: " + dataset + "\nmodel: " + model +
                          "\nseeds: 1\ntrain: {optimizer: sgd, lr: 0.1, batch_size: 10, epochs: 1}\n",
                      "some.yaml", {}, "", {}, folder);
      return std::string();
    } catch (const Error& error) {
      return std::string(error.what());
    }
  };
  for (const std::string& path :
       {std::string("store/artifacts/net.pt"), std::string("./x/../store/artifacts/net.pt"), std::string("link.pt"),
        std::string("linked/net.pt"), (folder / "store/artifacts/net.pt").string()}) {
    EXPECT_THAT(why("glyphs", "{torchscript: " + path + "}"), HasSubstr("whose files no submitted sweep may name"))
        << path;
    EXPECT_THAT(why("{tensors: " + path + "}", "lenet-300-100"), HasSubstr("no submitted sweep may name")) << path;
    EXPECT_THAT(why("{idx: " + path + "}", "lenet-300-100"), HasSubstr("no submitted sweep may name")) << path;
  }
  fs::remove_all(folder);
}

}  // namespace
}  // namespace espalier
