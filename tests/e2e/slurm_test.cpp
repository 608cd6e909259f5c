// Pools that a real Slurm starts, signals, requeues and loses; the results are those of a local run, bit for bit.
#include <algorithm>
#include <chrono>
#include <functional>
#include <signal.h>
#include <thread>

#include "base/files.h"
#include "tests/e2e/slurm_cluster.h"
#include "tests/e2e/sweep_case.h"
#include "tests/needs.h"

namespace espalier {
namespace {

class SlurmPools : public SweepCase {
 protected:
  static void SetUpTestSuite() {
    if (!SlurmCluster::missing().empty()) return;
    cluster_ = std::make_unique<SlurmCluster>();
  }
  static void TearDownTestSuite() {
    cluster_.reset();
    undisturbed_ = nlohmann::json();
  }
  void SetUp() override { start(2); }
  void start(int seeds) {
    ESPALIER_NEEDS("slurm", cluster_, "no emulated Slurm here: missing: " << SlurmCluster::missing());
    SweepCase::SetUp();
    if (undisturbed_.is_null()) {
      const ProgramEnd end =
          espalier({"run", small_sweep(seeds), "--store", store("local"), "--workers", "2", "--quiet"});
      ASSERT_EQ(end.exit_code, 0) << end.out << end.err;
      undisturbed_ = results_of(store("local"));
    }
    coordinator_ = std::make_unique<Program>(
        espalier_command({"run", small_sweep(seeds), "--store", store(), "--workers", "0", "--quiet"}));
    wait_until([&] { return std::filesystem::exists(store() + "/connection.json"); });
  }
  void TearDown() override {
    if (!cluster_) return;
    coordinator_.reset();
    cluster_->ask({"scancel", "--user=root"});
    wait_until([&] { return listing("").empty(); });
    if (!HasFailure()) return SweepCase::TearDown();
    for (const auto& entry : std::filesystem::directory_iterator(store() + "/logs"))
      std::cout << entry.path().filename() << ":\n" << read_file(entry.path(), 1 << 24) << "\n";
    SweepCase::TearDown();
  }

  static void wait_until(const std::function<bool()>& true_now, double limit_s = 120) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(limit_s);
    while (!true_now()) {
      if (std::chrono::steady_clock::now() > end) throw std::runtime_error("it did not come to pass in time");
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
  }
  std::vector<std::string> pool_command(const std::vector<std::string>& more) const {
    std::vector<std::string> words{"pool", "slurm", "--store", store()};
    if (std::ranges::find(more, "--margin") == more.end()) words.insert(words.end(), {"--margin", "20"});
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  /// Submits one, and returns Slurm's id.
  std::string submit(const std::vector<std::string>& more) const {
    std::vector<std::string> words = pool_command(more);
    words.push_back("--json");
    const ProgramEnd end = espalier(words, cluster_->environment());
    EXPECT_EQ(end.exit_code, 0) << end.err;
    return nlohmann::json::parse(end.out)["pools"][0]["id"];
  }
  /// STATE of an allocation that is not over, or of all with "".
  static std::string listing(const std::string& id) {
    std::vector<std::string> words{"squeue", "--noheader", "--format=%T"};
    if (!id.empty()) words.push_back("--jobs=" + id);
    return cluster_->ask(words);
  }
  void wait_for_results(std::size_t count) {
    SweepCase::wait_for_results(store(), count, *coordinator_);
    ASSERT_TRUE(coordinator_->running()) << "the sweep was over before it could be disturbed";
  }
  std::string number_of(const std::string& sql) const {
    const ProgramEnd end = Program({"/usr/bin/sqlite3", store() + "/espalier.db", sql}).wait();
    return end.out.substr(0, end.out.find('\n'));
  }
  std::string log_of(const std::string& id) const { return read_file(store() + "/logs/slurm-" + id + ".log", 1 << 24); }
  static std::size_t count_in(const std::string& text, const std::string& words) {
    std::size_t count = 0;
    for (std::size_t at = 0; (at = text.find(words, at)) != std::string::npos; at += words.size()) ++count;
    return count;
  }
  void expect_the_same_results() {
    const ProgramEnd end = coordinator_->wait(180);
    EXPECT_EQ(end.exit_code, 0) << end.out << end.err;
    EXPECT_EQ(results_of(store()), undisturbed_);
    wait_until([] { return listing("").empty(); });  // their logs are whole then
  }
  void expect_nothing_charged() { EXPECT_EQ(number_of("select count(*) from failures"), "0"); }

  static inline std::unique_ptr<SlurmCluster> cluster_;
  static inline nlohmann::json undisturbed_;
  std::unique_ptr<Program> coordinator_;
};

TEST_F(SlurmPools, TwoNodesBySrun) {
  const std::string id = submit({"--time", "10", "--nodes", "2", "--launcher", "srun"});
  expect_the_same_results();
  expect_nothing_charged();
  EXPECT_EQ(number_of("select count(distinct rank) from attempts"), "2");
  EXPECT_NE(log_of(id).find("the pool left: drained"), std::string::npos) << log_of(id);
}

TEST_F(SlurmPools, TwoNodesByMpirun) {
  submit({"--time", "10", "--nodes", "2", "--launcher", "mpirun"});
  expect_the_same_results();
  expect_nothing_charged();
  EXPECT_EQ(number_of("select count(distinct rank) from attempts"), "2");
}

TEST_F(SlurmPools, ARequeueInTheMiddle) {
  const std::string id = submit({"--time", "10", "--ranks-per-node", "2", "--launcher", "srun", "--requeue"});
  wait_for_results(2);
  cluster_->ask({"scontrol", "requeue", id});
  expect_the_same_results();
  expect_nothing_charged();
  EXPECT_NE(number_of("select count(*) from attempts where cause = 'preempted'"), "0");
  EXPECT_EQ(count_in(log_of(id), "ranks on"), 2U) << log_of(id);
}

TEST_F(SlurmPools, AUsr1LetsItCheckpointAndAskToBeStartedAgain) {
  const std::string id = submit({"--time", "10", "--ranks-per-node", "2", "--launcher", "mpirun", "--requeue"});
  wait_for_results(2);
  cluster_->ask({"scancel", "--batch", "--signal=USR1", id});
  expect_the_same_results();
  expect_nothing_charged();
  const std::string log = log_of(id);
  EXPECT_NE(log.find("the pool left: preempted"), std::string::npos) << log;
  EXPECT_NE(log.find("asked the scheduler to start this again"), std::string::npos) << log;
  EXPECT_EQ(count_in(log, "ranks on"), 2U) << log;
}

/// With enough to do that a fast machine's one rank needs its time limit twice.
class SlurmTimeLimit : public SlurmPools {
 protected:
  void SetUp() override { start(4); }
};

TEST_F(SlurmTimeLimit, IsNeededTwice) {
  // Three minutes, of which a margin of 172 s leaves 8 to one rank; too long for Slurm to signal before that.
  const std::string id = submit({"--time", "3", "--margin", "172", "--checkpoint-every", "5", "--requeue"});
  expect_the_same_results();
  expect_nothing_charged();
  const std::string log = log_of(id);
  EXPECT_NE(log.find("the pool left: time_limit"), std::string::npos) << log;
  EXPECT_GE(count_in(log, "ranks on"), 2U) << log;
}

TEST_F(SlurmPools, ACancelledPoolAndAnother) {
  const std::string id = submit({"--time", "10", "--ranks-per-node", "2", "--requeue"});
  wait_for_results(2);
  cluster_->ask({"scancel", id});
  wait_until([&] { return listing(id).empty(); });
  EXPECT_EQ(count_in(log_of(id), "ranks on"), 1U);
  submit({"--time", "10", "--ranks-per-node", "2"});
  expect_the_same_results();
  expect_nothing_charged();
}

TEST_F(SlurmPools, AsManyAsThereIsWorkForAndThenNone) {
  Program scaler(espalier_command(pool_command({"--time", "10", "--autoscale", "0:3", "--interval", "1"})),
                 cluster_->environment());
  wait_until([&] { return count_in(listing(""), "RUNNING") >= 3 || !coordinator_->running(); });
  expect_the_same_results();
  expect_nothing_charged();
  const ProgramEnd end = scaler.wait(60);
  EXPECT_EQ(end.exit_code, 0) << end.out << end.err;
  EXPECT_EQ(count_in(end.out, "submitted slurm-"), 3U) << end.out;
  EXPECT_NE(end.out.find("the coordinator has ended, and its pools are gone"), std::string::npos) << end.out;
  EXPECT_EQ(listing(""), "");
}

TEST_F(SlurmPools, WhenPoolsEndBeforeTheyJoinTheReasonIsSaid) {
  const std::string profile = write("site.yaml", "modules: [no-such-module]\n");
  const ProgramEnd end =
      espalier(pool_command({"--time", "10", "--autoscale", "1:1", "--interval", "1", "--profile", profile}),
               cluster_->environment());
  EXPECT_EQ(end.exit_code, 3) << end.out;
  EXPECT_NE(end.err.find("3 pools in a row ended before they joined"), std::string::npos) << end.err;
  EXPECT_NE(end.err.find("module"), std::string::npos) << end.err;
}

TEST_F(SlurmPools, WhatSlurmRefusesIsASentence) {
  const ProgramEnd end = espalier(pool_command({"--time", "10", "--partition", "nope"}), cluster_->environment());
  EXPECT_EQ(end.exit_code, 2);
  EXPECT_NE(end.err.find("--partition: Slurm has no partition \"nope\" (it has main)"), std::string::npos) << end.err;
  EXPECT_EQ(listing(""), "");
}

// The last: the node stays lost.
TEST_F(SlurmPools, ZALostNodesPoolIsStartedElsewhere) {
  const std::string id = submit({"--time", "10", "--ranks-per-node", "2", "--launcher", "srun", "--requeue"});
  wait_for_results(2);
  std::string node = cluster_->ask({"squeue", "--noheader", "--jobs=" + id, "--format=%N"});
  node.pop_back();
  cluster_->kill_node(node, id);
  expect_the_same_results();
  EXPECT_EQ(count_in(log_of(id), "ranks on"), 2U) << log_of(id);
}

}  // namespace
}  // namespace espalier
