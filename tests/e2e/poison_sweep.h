#pragma once

#include <filesystem>
#include <string>

#include "tests/e2e/sweep_case.h"

namespace espalier {

/// A sweep in which one training harms the rank that runs it.
class PoisonSweep : public SweepCase {
 protected:
  /// `innocents` small trainings, and one of a module that is poison (worker/torchscript/script_module_file.h: Poison).
  std::string sweep_with(const std::string& poison, int innocents) {
    const std::string module = (folder_ / (poison + ".pt")).string();
    const auto beside = std::filesystem::read_symlink("/proc/self/exe").parent_path();
    EXPECT_EQ(Program({(beside / "write_script_module").string(), module, poison}).wait().exit_code, 0);
    std::string rates;
    for (int rate = 1; rate <= innocents; ++rate) rates += (rate == 1 ? "" : ", ") + std::to_string(rate) + "e-3";
    return write("poison.yaml",
                 "sweep: poison\n"
                 "dataset: {name: glyphs, train: 300, validation: 60, test: 100}\n"
                 "model: [lenet-300-100, {torchscript: " +
                     module + "}]\nseeds: 1\ntrain: {optimizer: sgd, lr: [" + rates +
                     "], batch_size: 60, steps: 12}\n"
                     "when: [{model: lenet-300-100}, {model: {torchscript: " +
                     module + "}, train.lr: " + std::to_string(innocents / 2) + "e-3}]\n");
  }
};

}  // namespace espalier
