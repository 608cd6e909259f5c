// A store through its life: checked, damaged, repaired, backed up, cleared out, and extended.
#include <algorithm>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "tests/e2e/sweep_case.h"

namespace espalier {
namespace {

class StoreCare : public SweepCase {
 protected:
  /// `methods`: of the axis; retrained from a rewind point, so that there are intermediate weights.
  std::string sweep_of(const std::string& methods) {
    return write("care.yaml",
                 "sweep: care\ndataset: {name: glyphs, train: 1500, validation: 300, test: 500}\n"
                 "model: lenet-300-100\nseeds: 1\n"
                 "train: {optimizer: adam, lr: 1.2e-3, batch_size: 60, epochs: 2}\n"
                 "prune: {method: [" +
                     methods + "], sparsity: 0.9, schedule: {iterative: {rounds: 2}}}\n" +
                     "retrain: {rewind: {to: 10it}}\ncontrols: [random]\n");
  }
  void run(const std::string& sweep, const std::string& name = "store") {
    const ProgramEnd end = espalier({"run", sweep, "--store", store(name), "--workers", "2", "--quiet"});
    ASSERT_EQ(end.exit_code, 0) << end.out << end.err;
  }
  nlohmann::json json_of(std::vector<std::string> command, int exit_code = 0) {
    for (const std::string& word : {std::string("--json"), std::string("--store"), store()}) command.push_back(word);
    const ProgramEnd end = espalier(command);
    EXPECT_EQ(end.exit_code, exit_code) << end.out << end.err;
    return nlohmann::json::parse(end.out);
  }
  /// Writes the network of every trial; the number of trials.
  std::size_t export_all(const nlohmann::json& rows) {
    for (const nlohmann::json& row : rows) {
      const ProgramEnd end = espalier({"export", "--trial", row["trial_key"].get<std::string>(), "--store", store(),
                                       "--weights", (folder_ / "w.safetensors").string(), "--force"});
      EXPECT_EQ(end.exit_code, 0) << end.err;
    }
    return rows.size();
  }
  static bool contains_all(const nlohmann::json& rows, const nlohmann::json& wanted) {
    return std::ranges::all_of(wanted, [&](const auto& row) { return std::ranges::find(rows, row) != rows.end(); });
  }
};

TEST_F(StoreCare, WhatGcLeavesIsEnoughToExportAndToExtend) {
  run(sweep_of("magnitude"));
  const nlohmann::json before = results_of(store());
  const nlohmann::json planned = json_of({"gc", "--dry-run"});
  EXPECT_GT(planned["kinds"]["intermediate"]["files"], 2);
  const nlohmann::json removed = json_of({"gc"});
  EXPECT_EQ(removed["bytes"], planned["bytes"]);
  EXPECT_EQ(json_of({"gc"})["files"], 0);
  EXPECT_EQ(json_of({"db", "check"})["damages"], 0);
  EXPECT_EQ(results_of(store()), before);
  EXPECT_EQ(export_all(before), 3U);  // dense, magnitude, random
  const ProgramEnd again = espalier({"run", sweep_of("magnitude"), "--store", store(), "--workers", "2"});
  EXPECT_NE(again.out.find("every result was there already"), std::string::npos) << again.out << again.err;

  const std::string extended = sweep_of("magnitude, gradient");
  EXPECT_GT(json_of({"plan", extended})["estimated_work_s"], 0);
  run(extended);
  const nlohmann::json after = results_of(store());
  EXPECT_TRUE(contains_all(after, before))
      << after;  // those of the first edition keep their label, care@1, or gain one
  run(extended, "fresh");
  const nlohmann::json fresh = results_of(store("fresh"));
  EXPECT_TRUE(contains_all(after, fresh)) << after << fresh;
  EXPECT_EQ(json_of({"db", "check"})["damages"], 0);
}

TEST_F(StoreCare, DamageIsFoundRepairedAndMadeAgainWithTheSameBytes) {
  run(sweep_of("magnitude"));
  const nlohmann::json before = results_of(store());
  const nlohmann::json sound = json_of({"db", "check"});
  EXPECT_GT(sound["artifacts"], 5);
  std::vector<std::filesystem::path> artifacts;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(store() + "/artifacts")) {
    if (entry.is_regular_file() && entry.path().string().find(".resume.") == std::string::npos)
      artifacts.push_back(entry.path());
  }
  for (const std::filesystem::path& path : artifacts) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(-1, std::ios::end);
    file.put('\x01');
  }
  const auto damages = json_of({"db", "check"}, 5)["damages"].get<std::size_t>();
  EXPECT_GT(damages, artifacts.size() / 2);  // some ended in that byte already
  EXPECT_EQ(json_of({"db", "check", "--repair"})["repairs"].size(), damages);
  EXPECT_EQ(results_of(store()), before);
  run(sweep_of("magnitude"));
  EXPECT_EQ(results_of(store()), before);
  EXPECT_EQ(export_all(before), 3U);
  EXPECT_EQ(json_of({"db", "check"})["damages"], 0);
}

TEST_F(StoreCare, WhatWritesIsRefusedWhileACoordinatorRunsAndTheRestIsNot) {
  run(sweep_of("magnitude"));
  const int lock = ::open((store() + "/coordinator.lock").c_str(), O_RDWR);
  ASSERT_EQ(::flock(lock, LOCK_EX | LOCK_NB), 0);
  ASSERT_GT(::pwrite(lock, "pid 4711 on node3", 17, 0), 0);
  for (const std::vector<std::string>& command :
       {std::vector<std::string>{"gc"}, std::vector<std::string>{"db", "check", "--repair"}}) {
    std::vector<std::string> words = command;
    words.insert(words.end(), {"--store", store()});
    const ProgramEnd end = espalier(words);
    EXPECT_EQ(end.exit_code, 3) << end.out;
    EXPECT_NE(end.err.find("pid 4711 on node3"), std::string::npos) << end.err;
  }
  json_of({"gc", "--dry-run"});
  json_of({"db", "check"});
  EXPECT_EQ(espalier({"db", "backup", (folder_ / "b.db").string(), "--store", store()}).exit_code, 0);
  EXPECT_EQ(espalier({"db", "backup", (folder_ / "b.db").string(), "--store", store()}).exit_code, 2);
  ::close(lock);

  std::filesystem::create_directories(store("restored"));
  std::filesystem::copy_file(folder_ / "b.db", store("restored") + "/espalier.db");
  EXPECT_EQ(results_of(store("restored")), results_of(store()));
  for (const char* command : {"gc", "db"}) {
    std::vector<std::string> words{command};
    if (words[0] == "db") words.insert(words.end(), {"check", "--repair"});
    words.insert(words.end(), {"--store", store("nowhere")});
    EXPECT_EQ(espalier(words).exit_code, 2);
    EXPECT_FALSE(std::filesystem::exists(store("nowhere")));
  }
}

}  // namespace
}  // namespace espalier
