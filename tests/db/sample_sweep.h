#pragma once

#include <filesystem>
#include <string>
#include <unistd.h>
#include <vector>

#include "db/write/store.h"

namespace espalier {

/// A folder that is gone at the end of the test.
struct TemporaryFolder {
  TemporaryFolder();
  ~TemporaryFolder() { std::filesystem::remove_all(path); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  std::filesystem::path path;
};

/// LeNet-300-100 on glyphs, two thirds of it by hand: for each seed a dense network trained to step 1000 with a cut at
/// 500, and networks pruned to 90 % by magnitude and at random, retrained from step 500.
struct SampleSweep {
  std::string name = "sample";
  std::string yaml = "sweep: sample\n";
  std::vector<Trial> trials;  ///< per seed: dense, magnitude, random
  StageGraph graph;           ///< per seed: kStagesPerSeed stages in the order of SampleStage
};
enum SampleStage {
  init,
  early,
  trained,
  dense_evaluate,
  prune,
  retrain,
  evaluate,
  random_prune,
  random_retrain,
  random_evaluate
};
inline constexpr std::size_t kStagesPerSeed = 10;

SampleSweep make_sample_sweep(int seeds);

/// A sweep without trials: `count` no-op stages.
StageGraph make_noop_graph(int count);

/// What a worker would report. Accuracies: dense 0.98, magnitude 0.97 + seed / 1000, random 0.95. Wall time: 2 s each.
StageFinished finish(const Stage& stage, std::uint64_t attempt = 1);
/// The same for all stages of a graph.
std::vector<StoreChange> finish_all(const StageGraph& graph, std::uint64_t attempt = 1);

/// Kept weights of the sample's masks: fc1 23520, fc2 3000, fc3 100 of 235200, 30000, 1000.
inline constexpr std::int64_t kSamplePruned = 266200 - 26620;

/// One value of a query against the store's file, as text; "NULL" for NULL, "" without a row.
std::string ask(const StorePaths& paths, const std::string& sql);

}  // namespace espalier
