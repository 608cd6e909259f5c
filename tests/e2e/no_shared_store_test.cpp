// A pool that shares no folder with the coordinator: what it reads and leaves goes over the connection, and the results
// are those of a machine that had everything.
#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <signal.h>
#include <thread>

#include "base/error.h"
#include "base/files.h"
#include "base/random.h"
#include "experiments/formats/safetensors.h"
#include "experiments/paths/store_paths.h"
#include "orchestrator/client/client.h"
#include "tests/e2e/sweep_case.h"

namespace espalier {
namespace {

class NoSharedStore : public SweepCase {
 protected:
  void SetUp() override {
    SweepCase::SetUp();
    std::filesystem::create_directories(home());
    write_dataset();
  }

  /// Where the coordinator is started, and the dataset is: the sweep names it as a process there does, so that the
  /// pool, which is started elsewhere, does not find it.
  std::filesystem::path home() const { return folder_ / "home"; }

  /// 600 images; each class is bright in rows of its own, under noise.
  void write_dataset() const {
    constexpr std::int64_t kCount = 600, kSide = 28;
    RandomStream noise(1, "noise");
    std::string pixels, labels;
    for (std::int64_t i = 0; i < kCount; ++i) {
      labels += static_cast<char>(i % 10);
      for (std::int64_t at = 0; at < kSide * kSide; ++at) {
        const bool bright = at / kSide / 2 == i % 10;
        pixels += static_cast<char>(noise.below(bright ? 256 : 160));
      }
    }
    const Safetensors file{
        {}, {{"x", TensorType::u8, {kCount, 1, kSide, kSide}, pixels}, {"y", TensorType::u8, {kCount}, labels}}};
    write_file_atomically(home() / "data.safetensors", to_safetensors(file));
  }

  std::string sweep(int epochs) {
    return write(
        "apart.yaml",
        "sweep: apart\n"
        "dataset: {tensors: /proc/self/cwd/data.safetensors}\n"
        "model: lenet-300-100\n"
        "seeds: 1\n"
        "train: {optimizer: adam, lr: 1e-3, batch_size: 50, epochs: " +
            std::to_string(epochs) +
            "}\n"
            "prune: {method: [magnitude, gradient], sparsity: [0.9], schedule: [one_shot, {iterative: {rounds: "
            "2}}]}\n"
            "retrain: {rewind: {to: 10it}}\n"
            "controls: [random]\n");
  }

  ProgramEnd run_locally(const std::string& sweep_file) {
    return Program(espalier_command({"run", sweep_file, "--store", store("local"), "--workers", "2", "--quiet"}), {},
                   home())
        .wait();
  }

  std::unique_ptr<Program> start_coordinator(const std::string& sweep_file) {
    return start_coordinator(sweep_file, store("a"));
  }
  std::unique_ptr<Program> start_coordinator(const std::string& sweep_file, const std::string& called) {
    auto coordinator =
        std::make_unique<Program>(espalier_command({"run", sweep_file, "--store", called, "--workers", "0", "--quiet"}),
                                  std::map<std::string, std::string>{}, home());
    wait_until([&] { return std::filesystem::exists(StorePaths{store("a")}.connection()); });
    return coordinator;
  }

  /// Two ranks in a folder of their own, which holds what they need to find the coordinator and nothing else.
  std::unique_ptr<Program> start_pool(const std::string& name) {
    std::filesystem::create_directories(store(name));
    for (const char* file : {"connection.json", "secret"}) {
      std::filesystem::copy_file(std::filesystem::path(store("a")) / file, std::filesystem::path(store(name)) / file);
    }
    const std::string worker =
        (std::filesystem::read_symlink("/proc/self/exe").parent_path() / "espalier-worker").string();
    return std::make_unique<Program>(
        std::vector<std::string>{"/usr/bin/mpirun", "-np", "2", "--bind-to", "none", "--oversubscribe", worker,
                                 "--store", store(name), "--label", name, "--data", store(name), "--ranks", "2",
                                 "--patience", "60", "--checkpoint-every", "0.2"},
        std::map<std::string, std::string>{{"OMPI_ALLOW_RUN_AS_ROOT", "1"},
                                           {"OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1"},
                                           {"OMP_NUM_THREADS", "1"},
                                           {"OPENBLAS_NUM_THREADS", "1"}},
        store(name));
  }

  static void wait_until(const std::function<bool()>& true_now) {
    for (int i = 0; i < 6000 && !true_now(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    ASSERT_TRUE(true_now());
  }

  static bool has_files(const std::filesystem::path& folder) {
    std::error_code absent;
    std::filesystem::directory_iterator entry(folder, absent);
    return !absent &&
           std::any_of(entry, {}, [](const auto& file) { return file.path().extension() == ".safetensors"; });
  }

  static std::string text_of_logs(const std::string& folder) {
    std::string text;
    for (const auto& entry : std::filesystem::directory_iterator(StorePaths{folder}.logs())) {
      text += read_file(entry.path(), 64 << 20);
    }
    return text;
  }

  /// The store's artifacts by name, each with the hash of its bytes.
  static std::map<std::string, std::string> artifacts_of(const std::string& folder) {
    std::map<std::string, std::string> files;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(StorePaths{folder}.artifacts())) {
      const std::string name = entry.path().filename().string();
      if (entry.is_regular_file() && name.find(".resume.") == std::string::npos) {
        files[name] = to_hex(sha256_file(entry.path()));
      }
    }
    return files;
  }

  void expect_the_same_as_locally(const std::string& sweep_file) {
    const ProgramEnd local = run_locally(sweep_file);
    ASSERT_EQ(local.exit_code, 0) << local.out << local.err;
    const nlohmann::json rows = results_of(store("local"));
    EXPECT_EQ(rows.size(), 7U);
    EXPECT_EQ(results_of(store("a")), rows);
    EXPECT_EQ(artifacts_of(store("a")), artifacts_of(store("local")));
    const ProgramEnd check = espalier({"db", "check", "--store", store("a")});
    EXPECT_EQ(check.exit_code, 0) << check.out << check.err;
  }
};

TEST_F(NoSharedStore, TheResultsAreThoseOfALocalRunWhateverBecomesOfTheConnection) {
  const std::string file = sweep(30);
  const auto coordinator = start_coordinator(file);
  const auto pool = start_pool("b");
  int drops = 0;
  for (; coordinator->running() && drops < 8; ++drops) {
    std::this_thread::sleep_for(std::chrono::milliseconds(700));
    try {
      ask_coordinator(CoordinatorSource::in_store(store("a")), "drop_pools");
    } catch (const Error&) {
      break;  // it has ended
    }
  }
  EXPECT_GE(drops, 2) << "it was over before its connection could be broken";
  const ProgramEnd end = coordinator->wait();
  ASSERT_EQ(end.exit_code, 0) << end.out << end.err << text_of_logs(store("b"));
  EXPECT_EQ(pool->wait(60).exit_code, 0);
  EXPECT_NE(text_of_logs(store("b")).find("store is elsewhere"), std::string::npos);
  EXPECT_FALSE(artifacts_of(store("b") + "/cache").empty());
  EXPECT_FALSE(std::filesystem::exists(store("b") + "/artifacts"));
  EXPECT_TRUE(std::filesystem::exists(store("b") + "/cache/datasets"));
  expect_the_same_as_locally(file);
}

TEST_F(NoSharedStore, APoolThatIsSentAwayLeavesItsCheckpointToTheNext) {
  const std::string file = sweep(100);
  const auto coordinator = start_coordinator(file);
  {
    const auto pool = start_pool("b");
    const StorePaths cache{store("b") + "/cache"};
    wait_until([&] { return has_files(cache.checkpoints()); });
    pool->signal(SIGUSR1);
    EXPECT_EQ(pool->wait(60).exit_code, 0);
  }
  EXPECT_TRUE(has_files(StorePaths{store("a")}.checkpoints())) << text_of_logs(store("b"));
  std::filesystem::remove_all(store("b") + "/cache");
  const auto pool = start_pool("c");
  const ProgramEnd end = coordinator->wait();
  ASSERT_EQ(end.exit_code, 0) << end.out << end.err << text_of_logs(store("c"));
  EXPECT_NE(text_of_logs(store("c")).find("goes on from a checkpoint at step"), std::string::npos)
      << text_of_logs(store("c"));
  const ProgramEnd attempts = Program({"/usr/bin/sqlite3", store("a") + "/espalier.db",
                                       "select count(*) from attempts where cause = 'preempted'"})
                                  .wait();
  EXPECT_NE(attempts.out, "0\n") << attempts.err;
  EXPECT_FALSE(has_files(StorePaths{store("a")}.checkpoints()));
  expect_the_same_as_locally(file);
}

/// Networks of files, which lie in the coordinator's store.
class NoSharedNetworks : public NoSharedStore {
 protected:
  std::string channel_sweep() {
    return write("networks.yaml",
                 "sweep: networks\n"
                 "dataset: {tensors: /proc/self/cwd/data.safetensors}\n"
                 "model: {torchscript: net.pt}\n"
                 "seeds: 1\n"
                 "train: {optimizer: adam, lr: 1e-3, batch_size: 50, epochs: 1}\n"
                 "prune: {method: magnitude, granularity: channel, allocation: uniform, sparsity: 0.5}\n"
                 "controls: []\n");
  }
  void make_module(const std::string& kind = "") {
    const auto beside = std::filesystem::read_symlink("/proc/self/exe").parent_path();
    std::vector<std::string> command{(beside / "write_script_module").string(), (home() / "net.pt").string()};
    if (!kind.empty()) command.push_back(kind);
    ASSERT_EQ(Program(command).wait().exit_code, 0);
  }
  /// Where `happens` once the sweep has begun, a pool that sees neither the store nor the original does it all.
  void expect_the_same_though(const std::function<void()>& happens) {
    make_module();
    const std::string file = channel_sweep();
    const ProgramEnd local = run_locally(file);
    ASSERT_EQ(local.exit_code, 0) << local.out << local.err;
    // Called so that another process finds nothing there.
    std::filesystem::create_directories(home() / "s");
    std::filesystem::create_directory_symlink(home() / "s", store("a"));
    const auto coordinator = start_coordinator(file, "/proc/self/cwd/s");
    happens();
    const auto pool = start_pool("b");
    const ProgramEnd end = coordinator->wait();
    ASSERT_EQ(end.exit_code, 0) << end.out << end.err << text_of_logs(store("b"));
    EXPECT_EQ(pool->wait(60).exit_code, 0);
    EXPECT_FALSE(std::filesystem::is_empty(store("b") + "/cache/models"));
    const nlohmann::json rows = results_of(store("local"));
    EXPECT_EQ(rows.size(), 2U);
    EXPECT_EQ(results_of(store("a")), rows);
    EXPECT_EQ(artifacts_of(store("a")), artifacts_of(store("local")));
  }
};

TEST_F(NoSharedNetworks, TravelThoughTheirOriginalChanges) {
  expect_the_same_though([&] { make_module("loud"); });
}

TEST_F(NoSharedNetworks, TravelThoughTheirOriginalIsGone) {
  expect_the_same_though([&] { std::filesystem::remove(home() / "net.pt"); });
}

}  // namespace
}  // namespace espalier
