// A TorchScript file is a model like any other: from the sweep that names it to the file that Python loads again.
#include <algorithm>
#include <csignal>
#include <functional>

#include "base/files.h"
#include "experiments/formats/safetensors.h"
#include "tests/e2e/sweep_case.h"
#include "tests/needs.h"
#include "tests/worker/torchscript/script_module_file.h"

namespace espalier {
namespace {

const char* const kPython = "/usr/bin/python3";

const char* const kMakeNet = R"(
import sys, torch
from torch import nn
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(), nn.MaxPool2d(4))
        self.pool = nn.AdaptiveAvgPool2d(3)
        self.dropout = nn.Dropout(0.3)
        self.out = nn.Linear(6 * 3 * 3, 10)
    def forward(self, x):
        return self.out(self.dropout(self.pool(self.features(x)).flatten(1)))
torch.manual_seed(1)
torch.jit.script(Net()).save(sys.argv[1])
torch.save(Net().state_dict(), sys.argv[2])
torch.jit.script(nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten())).save(sys.argv[3])
)";

const char* const kLookAtNet = R"(
import sys, torch
before, after = torch.jit.load(sys.argv[1]).eval(), torch.jit.load(sys.argv[2]).eval()
state = after.state_dict()
assert state.keys() == before.state_dict().keys()
print(int(state['features.0.weight'].count_nonzero() + state['out.weight'].count_nonzero()),
      int(state['features.1.num_batches_tracked']), after(torch.zeros(2, 1, 28, 28)).shape[1],
      bool((state['features.1.running_var'] != before.state_dict()['features.1.running_var']).all()))
written, x = torch.jit.load(sys.argv[3]), torch.randn(3, 1, 28, 28)
print(state.keys() - written.state_dict().keys(), torch.allclose(written(x), after(x), atol=1e-4))
)";

class TorchScript : public SweepCase {
 protected:
  std::string made_module(const std::vector<std::string>& kind = {}) {
    const std::string file = (folder_ / "net.pt").string();
    const auto beside = std::filesystem::read_symlink("/proc/self/exe").parent_path();
    std::vector<std::string> command{(beside / "write_script_module").string(), file};
    command.insert(command.end(), kind.begin(), kind.end());
    EXPECT_EQ(Program(command).wait().exit_code, 0);
    return file;
  }
  /// Trains the module of sweep_of in a pool that joins once `between` is done; what the pool wrote.
  std::string train_after(const std::function<void()>& between, const std::vector<std::string>& kind = {}) {
    const std::string sweep = sweep_of(made_module(kind), "prune: {method: magnitude, sparsity: 0.8}\ncontrols: []\n");
    Program coordinator(espalier_command({"serve", "--store", store()}));
    while (coordinator.running() && coordinator.out().find("listening on") == std::string::npos) ::usleep(10000);
    const ProgramEnd submitted = espalier({"submit", sweep, "--store", store()});
    EXPECT_EQ(submitted.exit_code, 0) << submitted.err;
    between();
    const auto beside = std::filesystem::read_symlink("/proc/self/exe").parent_path();
    Program pool({(beside / "espalier-worker").string(), "--store", store(), "--label", "late"});
    EXPECT_EQ(espalier({"status", "--watch", "--store", store()}).exit_code, 0);
    coordinator.signal(SIGTERM);
    coordinator.wait();
    const ProgramEnd end = pool.wait();
    return end.out + end.err + espalier({"logs", "late", "--store", store()}).out;
  }
  /// Python scripts only what it can read the source of.
  ProgramEnd python(const std::string& source, const std::vector<std::string>& arguments) {
    std::vector<std::string> command{kPython, write("program.py", source)};
    command.insert(command.end(), arguments.begin(), arguments.end());
    return Program(command).wait();
  }
  static bool has_python_torch() { return Program({kPython, "-c", "import torch"}).wait().exit_code == 0; }

  std::string sweep_of(const std::string& file, const std::string& rest = "") {
    return write("script.yaml",
                 "sweep: script\ndataset: {name: glyphs, train: 700, validation: 100, test: 200}\n"
                 "model: {torchscript: " +
                     file +
                     "}\nseeds: 1\n"
                     "train: {optimizer: adam, lr: 1e-3, batch_size: 50, epochs: 4}\n" +
                     (rest.empty() ? "prune: {method: magnitude, sparsity: 0.8}\n"
                                     "retrain: {rewind: {to: 10it}}\ncontrols: [random, shuffle, reinit]\n"
                                   : rest));
  }
  ProgramEnd run(const std::string& sweep, const std::string& store) {
    return espalier({"run", sweep, "--store", store, "--workers", "1", "--quiet"});
  }
  void refuse(const std::vector<std::string>& arguments, const std::vector<std::string>& words) {
    const ProgramEnd end = espalier(arguments);
    EXPECT_EQ(end.exit_code, 2) << end.out << end.err;
    for (const std::string& word : words)
      EXPECT_NE(end.err.find(word), std::string::npos) << "no \"" << word << "\" in: " << end.err;
  }
  static std::string magnitude_trial(const std::string& store) {
    for (const nlohmann::json& row : results_of(store)) {
      if (row["method"] == "magnitude" && row["control"] == "none") return row["trial_key"].get<std::string>();
    }
    ADD_FAILURE() << "no trial of magnitude";
    return "";
  }
};

TEST_F(TorchScript, RunsIsInterruptedAndEndsTheSame) {
  const std::string sweep = sweep_of(made_module());
  const ProgramEnd whole = run(sweep, store("whole"));
  ASSERT_EQ(whole.exit_code, 0) << whole.out << whole.err;
  const nlohmann::json expected = results_of(store("whole"));
  ASSERT_EQ(expected.size(), 5U);  // dense, magnitude, random, shuffle, reinit
  for (const nlohmann::json& row : expected) {
    EXPECT_EQ(row["model"].get<std::string>().rfind("torchscript-", 0), 0U);
    EXPECT_EQ(row["params_total"], 2523);
    EXPECT_EQ(row["params_kept"], row["method"] == "dense" ? 2523 : 2523 - 2508 + 502);  // 20 % of 2508 weights
  }
  Program cut(espalier_command({"run", sweep, "--store", store("cut"), "--workers", "1", "--quiet"}));
  while (cut.running() && !std::filesystem::exists(store("cut") + "/connection.json")) ::usleep(10000);
  ::usleep(700000);
  cut.signal(SIGINT);
  cut.wait();
  ASSERT_EQ(run(sweep, store("cut")).exit_code, 0);
  EXPECT_EQ(results_of(store("cut")), expected);
}

TEST_F(TorchScript, TheSameFileElsewhereIsTheSameModel) {
  const std::string file = made_module();
  const std::string first = sweep_of(file, "prune: {method: magnitude, sparsity: 0.8}\ncontrols: []\n");
  ASSERT_EQ(run(first, store()).exit_code, 0);
  std::filesystem::rename(file, folder_ / "moved.pt");
  const std::string moved =
      sweep_of((folder_ / "moved.pt").string(), "prune: {method: magnitude, sparsity: 0.8}\ncontrols: []\n");
  const ProgramEnd again = run(moved, store());
  EXPECT_NE(again.out.find("every result was there already"), std::string::npos) << again.out << again.err;
}

// What was looked at is what runs: a module is a program.
TEST_F(TorchScript, AnotherModuleInItsPlaceNeverRuns) {
  const std::string said = train_after([&] { made_module({"loud"}); }, {"looking"});
  EXPECT_EQ(said.find(kLoudWords), std::string::npos) << said;
  const ProgramEnd failures = espalier({"failures", "--store", store()});
  EXPECT_NE(failures.out.find("is another file than when this sweep was read"), std::string::npos) << failures.out;
  EXPECT_TRUE(results_of(store()).empty());
}

// A graph is read from its copy in the store.
TEST_F(TorchScript, AnotherModuleInTheOriginalsPlaceChangesNothing) {
  const std::string said = train_after([&] { made_module({"loud"}); });
  EXPECT_EQ(said.find(kLoudWords), std::string::npos) << said;
  EXPECT_EQ(results_of(store()).size(), 2U);
}

TEST_F(TorchScript, ExportsWeightsMasksAndOnlyIntoItsOwnModule) {
  for (const bool is_graph : {true, false}) {
    const std::string file = is_graph ? made_module() : made_module({"looking"});
    const std::string results = store(is_graph ? "graph" : "box");
    ASSERT_EQ(run(sweep_of(file), results).exit_code, 0);
    const std::string trial = magnitude_trial(results);
    const auto path = [&](const std::string& name) { return (folder_ / (name + (is_graph ? "g" : "b"))).string(); };
    const ProgramEnd end =
        espalier({"export", "--trial", trial.substr(0, 16), "--store", results, "--weights", path("weights"), "--masks",
                  path("masks"), "--torchscript", path("trained"), "--module", file});
    ASSERT_EQ(end.exit_code, 0) << end.err;
    const std::string masks = read_file(path("masks"), 1 << 20);
    const std::string weights = read_file(path("weights"), 1 << 20);
    std::int64_t kept = 0;
    for (const TensorBytes& mask : parse_safetensors(masks, "masks").tensors)
      kept += std::count(mask.bytes.begin(), mask.bytes.end(), '\1');
    EXPECT_EQ(kept, 502);
    // A graph has no counters of passes.
    EXPECT_EQ(parse_safetensors(weights, "weights").tensors.size(), is_graph ? 9U : 11U);
    EXPECT_TRUE(std::filesystem::exists(path("trained")));
    const std::string other = is_graph ? made_module({"looking"}) : write("other.pt", "not it");
    refuse({"export", "--trial", trial, "--store", results, "--torchscript", path("x"), "--module", other},
           {is_graph ? "a computed number decides" : "is not the file"});
    const std::vector<std::string> own_code{"export", "--trial",       trial,      "--store",
                                            results,  "--torchscript", path("own")};
    if (is_graph) {
      EXPECT_EQ(espalier(own_code).exit_code, 0);
    } else {
      refuse(own_code, {"whose structure is not known", "--torchscript with --module"});
    }
    refuse({"export", "--trial", trial, "--store", results}, {"nothing to write"});
    refuse({"export", "--trial", "0000000000000000", "--store", results, "--masks", path("x")}, {"no trial"});
  }
}

TEST_F(TorchScript, WhatDoesNotWorkIsRefusedBeforeTraining) {
  refuse({"run", sweep_of((folder_ / "none.pt").string()), "--store", store()},
         {"none.pt", "No such file", "script.yaml"});
  refuse({"run", sweep_of(write("noise.pt", std::string(3000, 'x'))), "--store", store()}, {"is no TorchScript file"});
  EXPECT_FALSE(std::filesystem::exists(store()));
}

TEST_F(TorchScript, ANetworkOfTheCatalogKeepsNoScriptedWeights) {
  const std::string sweep = write("plain.yaml",
                                  "sweep: plain\ndataset: glyphs\nmodel: lenet-300-100\ninit: as_scripted\n"
                                  "train: {lr: 0.1, epochs: 1}\n");
  refuse({"check", sweep}, {"as_scripted", "lenet-300-100"});
}

TEST_F(TorchScript, WhatPythonScriptedTrainsAndGoesBackToPython) {
  ESPALIER_NEEDS("python_torch", has_python_torch(), "no torch for " << kPython << "; Debian: python3-torch");
  const std::string net = (folder_ / "python.pt").string(), state = (folder_ / "state.pt").string();
  const std::string color = (folder_ / "color.pt").string();
  const ProgramEnd made = python(kMakeNet, {net, state, color});
  ASSERT_EQ(made.exit_code, 0) << made.err;
  refuse({"check", sweep_of(color)}, {"given 2x1x28x28", "expected input", "to have 3 channels"});
  refuse({"check", sweep_of(state)}, {"is no TorchScript file"});
  const ProgramEnd end = run(sweep_of(net), store());
  ASSERT_EQ(end.exit_code, 0) << end.out << end.err;
  const std::string trained = (folder_ / "trained.pt").string(), written = (folder_ / "written.pt").string();
  const std::vector<std::string> command{"export", "--trial", magnitude_trial(store()), "--store", store()};
  const auto with = [&](const std::vector<std::string>& rest) {
    std::vector<std::string> all = command;
    all.insert(all.end(), rest.begin(), rest.end());
    return all;
  };
  ASSERT_EQ(espalier(with({"--torchscript", trained, "--module", net})).exit_code, 0);
  ASSERT_EQ(espalier(with({"--torchscript", written})).exit_code, 0);
  const ProgramEnd seen = python(kLookAtNet, {net, trained, written});
  // 20 % of 54 + 540 weights; the count of batches is the file's; 10 classes; every running variance moved. Code that
  // is written anew has no such count.
  EXPECT_EQ(seen.out, "119 0 10 True\n{'features.1.num_batches_tracked'} True\n") << seen.err;
  // 7 x 7 places to 3 x 3: nothing is written, neither what could be.
  const std::string weights = (folder_ / "weights.safetensors").string();
  refuse(with({"--weights", weights, "--onnx", (folder_ / "net.onnx").string()}),
         {"onnx: pool (AdaptiveAveragePool) averages parts of unequal sizes"});
  EXPECT_FALSE(std::filesystem::exists(weights) || std::filesystem::exists(folder_ / "net.onnx"));
}

}  // namespace
}  // namespace espalier
