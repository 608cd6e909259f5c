// TorchScript modules that become graphs of operators: their channels, their copies in the store, and the keys of
// results from before there were graphs.
#include <algorithm>
#include <csignal>
#include <functional>

#include <gmock/gmock.h>

#include "base/sha256.h"
#include "cluster/launch/worker_program.h"
#include "db/write/store.h"
#include "experiments/expand/expand_trials.h"
#include "experiments/parse/parse_sweep.h"
#include "tests/e2e/sweep_case.h"
#include "tests/worker/torchscript/script_module_file.h"

namespace espalier {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kChannels =
    "prune: {method: magnitude, granularity: channel, allocation: uniform, sparsity: 0.5}\ncontrols: []\n";
constexpr const char* kRows = "prune: {method: magnitude, granularity: row, sparsity: 0.5}\ncontrols: []\n";

class ImportedModules : public SweepCase {
 protected:
  std::string made_module(const std::string& kind = "", const std::string& name = "net.pt") {
    const std::string file = (folder_ / name).string();
    const auto beside = std::filesystem::read_symlink("/proc/self/exe").parent_path();
    std::vector<std::string> command{(beside / "write_script_module").string(), file};
    if (!kind.empty()) command.push_back(kind);
    EXPECT_EQ(Program(command).wait().exit_code, 0);
    return file;
  }
  static std::string yaml_of(const std::string& file, const std::string& rest) {
    return "sweep: own\ndataset: {name: glyphs, train: 400, validation: 100, test: 100}\nmodel: {torchscript: " + file +
           "}\nseeds: 1\ntrain: {optimizer: adam, lr: 1e-3, batch_size: 50, epochs: 1}\n" + rest;
  }
  std::string sweep_of(const std::string& file, const std::string& rest) {
    return write("own.yaml", yaml_of(file, rest));
  }
  static ProgramEnd run(const std::string& sweep, const std::string& store) {
    return espalier({"run", sweep, "--store", store, "--workers", "1", "--quiet"});
  }
  static std::vector<std::string> keys_of(const std::string& store) {
    std::vector<std::string> keys;
    for (const nlohmann::json& row : results_of(store)) keys.push_back(row.at("trial_key").get<std::string>());
    std::ranges::sort(keys);
    return keys;
  }
  /// Records the sweep as versions did that knew a module by its file alone. The keys of its trials.
  std::vector<std::string> record_old_sweep(const std::string& yaml) {
    const ParsedSweep parsed = parse_sweep(yaml, "own.yaml", {});
    const Expansion old = expand_trials(
        *parsed.spec, [](const DatasetRequest& request) { return resolve_dataset(request, data_folder("")); },
        [](const ModelFileRequest& request) -> FoundModelFile {
          const std::string& path = request.model.path;
          return {describe_torchscript(path, request.input, request.keeps_shape, request.classes), path};
        });
    Store(store()).record_sweep("own", yaml, old.trials, build_stage_graph(old.trials));
    std::vector<std::string> keys;
    for (const Trial& trial : old.trials) keys.push_back(to_hex(trial.key));
    std::ranges::sort(keys);
    return keys;
  }
};

TEST_F(ImportedModules, LoseChannelsAndNameWhatIsLeftAlone) {
  const std::string sweep = sweep_of(made_module(), kChannels);
  const ProgramEnd checked = espalier({"check", sweep, "--store", store()});
  EXPECT_EQ(checked.exit_code, 0) << checked.err;
  EXPECT_THAT(checked.out, AllOf(HasSubstr("left alone"), HasSubstr("  fc2: its outputs are the network's\n")));
  const nlohmann::json seen =
      nlohmann::json::parse(espalier({"check", sweep, "--store", store(), "--json"}).out).at("networks");
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_THAT(seen[0].at("name").get<std::string>(), testing::StartsWith("torchscript-"));
  EXPECT_EQ(seen[0].at("left_alone")[0].at("layer"), "fc2");
  EXPECT_FALSE(std::filesystem::exists(store()));
  ASSERT_EQ(run(sweep, store()).exit_code, 0);
  for (const nlohmann::json& row : results_of(store())) {
    if (row["method"] == "magnitude") {
      EXPECT_LT(row["params_kept"], row["params_total"]);
    }
  }
}

TEST_F(ImportedModules, AreTheSameHoweverTheyWereSaved) {
  ASSERT_EQ(run(sweep_of(made_module(), kRows), store()).exit_code, 0);
  // The loud one computes the same, and its file is another.
  const ProgramEnd again = run(sweep_of(made_module("loud"), kRows), store());
  EXPECT_THAT(again.out, HasSubstr("every result was there already")) << again.err;
}

TEST_F(ImportedModules, OfWhichTheStoreHasTrialsFromBeforeStayTheSame) {
  const std::string file = made_module(), yaml = yaml_of(file, kRows), sweep = sweep_of(file, kRows);
  const std::vector<std::string> keys = record_old_sweep(yaml);
  ASSERT_EQ(keys.size(), 2U);
  const ProgramEnd checked = espalier({"check", sweep, "--store", store()});
  EXPECT_THAT(checked.out,
              HasSubstr("net.pt: stays a black box, of which only weights, rows and filters can be removed: "
                        "the store has trials of it as one, which go on"));
  const ProgramEnd end = run(sweep, store());
  ASSERT_EQ(end.exit_code, 0) << end.err;
  EXPECT_THAT(end.err, HasSubstr("the store has trials of it as one, which go on"));
  EXPECT_EQ(keys_of(store()), keys);
  ASSERT_EQ(run(sweep, store("fresh")).exit_code, 0);
  for (const std::string& key : keys_of(store("fresh"))) EXPECT_EQ(std::ranges::count(keys, key), 0) << key;
}

TEST_F(ImportedModules, ThatCannotBeGraphsSayWhatStandsInTheWay) {
  const std::string file = made_module("looking");
  const ProgramEnd rows = espalier({"check", sweep_of(file, kRows)});
  EXPECT_EQ(rows.exit_code, 0) << rows.err;
  EXPECT_THAT(rows.out, AllOf(HasSubstr("net.pt: stays a black box"), HasSubstr("a computed number decides"),
                              HasSubstr("if float(x.sum()) < -1e30"), Not(HasSubstr("left alone"))));
  const ProgramEnd channels = espalier({"check", sweep_of(file, kChannels)});
  EXPECT_EQ(channels.exit_code, 2);
  EXPECT_THAT(channels.err, AllOf(HasSubstr("own.yaml:6:41: prune.granularity: "), HasSubstr("how layers are joined"),
                                  HasSubstr("a computed number decides")));
  const ProgramEnd shown = espalier({"models", file, "--input", "1,28,28"});
  EXPECT_THAT(shown.out, AllOf(HasSubstr("a black box"), HasSubstr("a computed number decides"), HasSubstr("fc1")));
  const ProgramEnd graph = espalier({"models", file, "--input", "1,28,28", "--graph"});
  EXPECT_EQ(graph.exit_code, 2);
  EXPECT_THAT(graph.err, HasSubstr("net.pt: cannot be a graph of operators: a computed number decides"));
}

}  // namespace
}  // namespace espalier
