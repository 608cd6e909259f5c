#pragma once

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <unistd.h>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/e2e/program.h"

namespace espalier {

/// A folder of its own for each test, and what most of them do in it.
class SweepCase : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() / ("espalier_e2e_" + std::to_string(::getpid()) + "_" +
                                                        testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ / name, std::ios::binary) << text;
    return (folder_ / name).string();
  }
  std::string store(const std::string& name = "store") const { return (folder_ / name).string(); }

  /// 29 trials a seed: small enough for seconds, rich enough to have every kind of stage: glyphs, three methods, two
  /// schedules, controls.
  std::string small_sweep(int seeds = 1) {
    return write("small.yaml",
                 "sweep: small\n"
                 "dataset: {name: glyphs, train: 1500, validation: 300, test: 500}\n"
                 "model: lenet-300-100\n"
                 "seeds: " +
                     std::to_string(seeds) +
                     "\n"
                     "train: {optimizer: adam, lr: 1.2e-3, batch_size: 60, epochs: 4}\n"
                     "prune: {method: [magnitude, gradient], sparsity: [0.8, 0.95], schedule: [one_shot, {iterative: "
                     "{rounds: 2}}]}\n"
                     "retrain: {rewind: {to: 10it}}\n"
                     "controls: [random, shuffle, reinit]\n");
  }

  /// The results without what may differ between runs.
  static nlohmann::json results_of(const std::string& store) {
    const ProgramEnd end = espalier({"results", "--store", store, "--json"});
    EXPECT_EQ(end.exit_code, 0) << end.err;
    nlohmann::json rows = nlohmann::json::parse(end.out);
    for (nlohmann::json& row : rows) row.erase("wall_s");
    return rows;
  }

  /// Until the store has so many, or the program that makes them has ended.
  static void wait_for_results(const std::string& store, std::size_t count, Program& program) {
    while (program.running()) {
      const ProgramEnd end = espalier({"results", "--store", store, "--json"});
      if (end.exit_code == 0 && nlohmann::json::parse(end.out).size() >= count) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  }

  std::filesystem::path folder_;
};

}  // namespace espalier
