// An artifact that a later stage needs is damaged between two runs: it is found when it is read, kept as evidence, and
// made again.
#include <algorithm>
#include <filesystem>

#include "tests/e2e/sweep_case.h"

namespace espalier {
namespace {

class DamagedArtifacts : public SweepCase {
 protected:
  std::string sweep_of(const std::string& methods) {
    return write("damaged.yaml",
                 "sweep: damaged\ndataset: {name: glyphs, train: 1500, validation: 300, test: 500}\n"
                 "model: lenet-300-100\nseeds: 1\ntrain: {optimizer: adam, lr: 1.2e-3, batch_size: 60, epochs: 2}\n"
                 "prune: {method: [" +
                     methods +
                     "], sparsity: 0.9}\nretrain: {finetune: {epochs: 1}}\n"
                     "controls: [random]\n");
  }
  ProgramEnd run(const std::string& methods, const std::string& name) {
    const ProgramEnd end = espalier({"run", sweep_of(methods), "--store", store(name), "--workers", "2", "--quiet"});
    EXPECT_EQ(end.exit_code, 0) << end.out << end.err;
    return end;
  }
  std::string ask(const std::string& name, const std::string& query) {
    const ProgramEnd end = Program({"/usr/bin/sqlite3", store(name) + "/espalier.db", query}).wait();
    EXPECT_EQ(end.exit_code, 0) << end.err;
    return end.out.substr(0, end.out.find('\n'));
  }
  /// What every pruning begins with.
  std::filesystem::path dense_network(const std::string& name) {
    const std::string key =
        ask(name,
            "select key from stages where kind = 'train' and id in (select input_id from stage_inputs i join"
            " stages p on p.id = i.stage_id where p.kind = 'prune')");
    return std::filesystem::path(store(name)) / "artifacts" / key.substr(0, 2) / (key + ".safetensors");
  }
  /// The same results as a store that nothing happened to, and the evidence where there was a file.
  void expect_made_again(const std::string& name, const std::filesystem::path& dense, const ProgramEnd& end,
                         bool evidence) {
    run("magnitude, gradient", "sound");
    EXPECT_EQ(results_of(store(name)).size(), results_of(store("sound")).size() + 3);  // and those of the first edition
    for (const nlohmann::json& row : results_of(store("sound"))) {
      const nlohmann::json rows = results_of(store(name));
      EXPECT_NE(std::ranges::find(rows, row), rows.end()) << row;
    }
    EXPECT_TRUE(std::filesystem::exists(dense));
    EXPECT_EQ(std::filesystem::exists(dense.string() + ".damaged"), evidence);
    EXPECT_EQ(espalier({"db", "check", "--store", store(name)}).exit_code, 0);
    EXPECT_EQ(ask(name, "select count(*) from failures"), "0") << end.out;
  }
};

TEST_F(DamagedArtifacts, AFlippedByteIsFoundWhenItIsRead) {
  run("magnitude", "flipped");
  const std::filesystem::path dense = dense_network("flipped");
  std::fstream file(dense, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(2000);
  const char byte = static_cast<char>(file.get());
  file.seekp(2000);
  file.put(static_cast<char>(byte ^ 4));
  file.close();
  const ProgramEnd end = run("magnitude, gradient", "flipped");
  EXPECT_NE(end.out.find("making it again"), std::string::npos) << end.out;
  expect_made_again("flipped", dense, end, true);
}

TEST_F(DamagedArtifacts, ATruncatedOneIsMissedBeforeAnythingReadsIt) {
  run("magnitude", "truncated");
  const std::filesystem::path dense = dense_network("truncated");
  std::filesystem::resize_file(dense, 5000);
  expect_made_again("truncated", dense, run("magnitude, gradient", "truncated"), false);
}

TEST_F(DamagedArtifacts, ADeletedOneToo) {
  run("magnitude", "deleted");
  const std::filesystem::path dense = dense_network("deleted");
  std::filesystem::remove(dense);
  expect_made_again("deleted", dense, run("magnitude, gradient", "deleted"), false);
}

}  // namespace
}  // namespace espalier
