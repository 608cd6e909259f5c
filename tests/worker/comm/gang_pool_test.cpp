// Gangs over MPI: mpirun -np 4 test_gang_pool FOLDER. Rank 0 commands the others and checks their reports; rank
// 3 does not see the folders that the others share.
#include <filesystem>
#include <memory>
#include <set>
#include <thread>

#include "base/files.h"
#include "base/sha256.h"
#include "tests/worker/comm/small_pool.h"
#include "tests/worker/files/fake_supply.h"
#include "tests/worker/jobs/job_test.h"

namespace espalier {
namespace {

std::unique_ptr<SmallPool> g_pool;
std::filesystem::path g_folder;

/// One file never comes.
class NeverComes : public FakeSupply {
 public:
  NeverComes() : FakeSupply(g_folder / "other machine") {}
  std::string bring(const FileName& file) override {
    if (file != file_of_stage(FileKind::artifact, {sha256("never comes")})) return "nobody has it";
    write_file_atomically(waits(), "");
    while (!stopped()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    throw StoppedWaiting();
  }
  static std::filesystem::path waits() { return g_folder / "waits"; }
};

WorkerSettings pool_settings(int rank) {
  static NeverComes never_comes;
  WorkerSettings settings;
  settings.artifacts = g_folder / "artifacts";
  settings.checkpoints = g_folder / "checkpoints";
  settings.checkpoint_every = std::chrono::hours(1);  // only at a stop
  settings.device = "cpu";
  if (rank == 3) settings.supply = &never_comes;
  return settings;
}

class GangPool : public JobTest {
 protected:
  static void SetUpTestSuite() { ASSERT_NE(g_pool, nullptr) << "to be started by mpirun, with 4 ranks"; }

  TrainSpec shared_spec(int ranks, std::int64_t end_step) const {
    TrainSpec spec = train_spec(end_step);
    spec.batch_size = 48;
    spec.ranks = ranks;
    return spec;
  }
  std::vector<JobStage> stages(const std::string& name, int ranks, std::int64_t end_step = 30) const {
    return {init("init"), train(name, shared_spec(ranks, end_step), "init"), evaluate(name + " accuracy", name)};
  }
  /// Of the training, second of three stages, that only `leader` spoke of.
  static std::string bits(const SmallPool::End& end, int leader) {
    EXPECT_FALSE(end.ended.interrupted);
    EXPECT_EQ(std::set<int>(end.ranks.begin(), end.ranks.end()), std::set<int>{leader});
    if (end.outcomes.size() != 3) return "";
    for (const StageOutcome& outcome : end.outcomes) EXPECT_FALSE(outcome.failure) << outcome.failure->message;
    return end.outcomes[1].artifact_sha256;
  }
};

// Under one name each time: it is part of the file.
TEST_F(GangPool, whoever_they_are_and_whatever_runs_beside_them_the_bits_are_the_same) {
  const std::string first = bits(g_pool->end_of(g_pool->start(stages("end", 2), {0, 1})), 0);
  const std::uint64_t beside = g_pool->start(stages("beside", 1), {0});
  const std::string others = bits(g_pool->end_of(g_pool->start(stages("end", 2), {2, 1})), 2);
  const std::string again = bits(g_pool->end_of(g_pool->start(stages("end", 2), {2, 1})), 2);
  EXPECT_NE(bits(g_pool->end_of(beside), 0), "");
  EXPECT_NE(first, "");
  EXPECT_EQ(others, first);
  EXPECT_EQ(again, first);
  const std::string three = bits(g_pool->end_of(g_pool->start(stages("end", 3), {1, 0, 2})), 1);
  EXPECT_NE(three, first);
  EXPECT_EQ(bits(g_pool->end_of(g_pool->start(stages("end", 3), {2, 1, 0})), 2), three);
}

TEST_F(GangPool, the_leader_passes_the_job_on_where_the_coordinators_word_was_lost) {
  EXPECT_NE(bits(g_pool->end_of(g_pool->start(stages("passed on", 3), {2, 0, 1}, {2})), 2), "");
}

TEST_F(GangPool, one_is_told_to_stop_and_all_stop) {
  const auto whole = g_pool->end_of(g_pool->start(stages("stopped", 3, 120), {0, 1, 2}));
  const std::uint64_t attempt = g_pool->start(stages("stopped", 3, 120), {0, 1, 2});
  g_pool->wait_for([&](const SmallPool::Received& told) {
    const auto* progress = std::get_if<JobProgress>(&told.report);
    return progress != nullptr && progress->attempt == attempt;
  });
  g_pool->give(1, StopJob{attempt});
  const auto stopped = g_pool->end_of(attempt);
  EXPECT_TRUE(stopped.ended.interrupted);
  EXPECT_EQ(stopped.outcomes.size(), 1U);  // of the init stage
  const auto resumed = g_pool->end_of(g_pool->start(stages("stopped", 3, 120), {1, 2, 0}));
  EXPECT_EQ(bits(resumed, 1), bits(whole, 0));
  EXPECT_GT(resumed.outcomes.at(1).first_step, 0);
}

TEST_F(GangPool, a_member_that_gives_its_job_back_lets_the_others_go) {
  const std::uint64_t busy = g_pool->start(stages("busy", 1, 200), {2});
  const std::uint64_t attempt = g_pool->start(stages("returned", 3), {0, 1, 2});
  g_pool->give(2, StopJob{attempt});
  EXPECT_TRUE(g_pool->end_of(attempt).ended.interrupted);
  EXPECT_FALSE(g_pool->end_of(busy).ended.interrupted);
}

TEST_F(GangPool, a_member_that_fails_is_named_and_the_others_go_on) {
  const auto failed = g_pool->end_of(g_pool->start({train("fails", shared_spec(2, 30), "init")}, {1, 3}));
  ASSERT_EQ(failed.outcomes.size(), 1U);
  EXPECT_EQ(failed.outcomes[0].failure->cause, LossCause::damaged_input);
  EXPECT_EQ(failed.outcomes[0].failure->message.find("rank 3 of the gang: "), 0U)
      << failed.outcomes[0].failure->message;
  EXPECT_EQ(failed.outcomes[0].failure->damaged, std::vector<StageKey>{key("init")});
  EXPECT_NE(bits(g_pool->end_of(g_pool->start(stages("after", 3), {1, 0, 2})), 1), "");
}

TEST_F(GangPool, who_is_told_to_stop_while_it_waits_for_a_file_lets_the_others_go) {
  const std::uint64_t attempt =
      g_pool->start({init("never comes"), train("waits", shared_spec(2, 30), "never comes")}, {1, 3});
  while (!std::filesystem::exists(NeverComes::waits())) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  g_pool->give(3, StopJob{attempt});
  const auto stopped = g_pool->end_of(attempt);
  EXPECT_TRUE(stopped.ended.interrupted);
  EXPECT_EQ(stopped.outcomes.size(), 1U);  // of the init stage
}

TEST_F(GangPool, who_is_told_to_stop_need_not_wait_for_a_leader_that_never_heard_of_it) {
  const std::vector<JobStage> lost = stages("lost", 3);
  const std::uint64_t attempt = g_pool->start(lost, {2, 0, 1}, {1});
  std::this_thread::sleep_for(std::chrono::milliseconds(300));  // as a rule it waits by then
  g_pool->give(1, StopJob{attempt});
  EXPECT_FALSE(g_pool->end_of(g_pool->start(stages("alone", 1), {1})).ended.interrupted);
  g_pool->give(0, RunJob{{attempt, lost}, false, {2, 0, 1}});
  g_pool->give(2, RunJob{{attempt, lost}, false, {2, 0, 1}});
  EXPECT_TRUE(g_pool->end_of(attempt).ended.interrupted);
  EXPECT_NE(bits(g_pool->end_of(g_pool->start(stages("after lost", 3), {2, 1, 0})), 2), "");
}

TEST_F(GangPool, leaving_ends_what_runs_at_the_same_step) {
  const std::uint64_t attempt = g_pool->start(stages("left", 3, 100000), {2, 0, 1});
  g_pool->wait_for([&](const SmallPool::Received& told) {
    const auto* progress = std::get_if<JobProgress>(&told.report);
    return progress != nullptr && progress->attempt == attempt;
  });
  g_pool->leave();
  EXPECT_TRUE(g_pool->end_of(attempt).ended.interrupted);
  EXPECT_TRUE(std::filesystem::exists(pool_settings(0).checkpoints / (to_hex(key("left")) + ".safetensors")));
}

}  // namespace
}  // namespace espalier

int main(int count, char** arguments) {
  using namespace espalier;
  testing::InitGoogleTest(&count, arguments);
  Mailbox mailbox(&count, &arguments);
  g_folder = count > 1 ? arguments[1] : "gang_pool";
  if (mailbox.rank() != 0) {
    CacheFolder cache(std::filesystem::path(g_folder) / "cache", 0);
    RankFiles files(StorePaths{g_folder}, cache);
    run_member(mailbox, pool_settings(mailbox.rank()), files, cache);
    return 0;
  }
  std::filesystem::remove_all(g_folder);
  if (mailbox.size() == 4) g_pool = std::make_unique<SmallPool>(mailbox, pool_settings(0));
  const int failed = RUN_ALL_TESTS();
  if (g_pool) g_pool->leave();
  g_pool.reset();
  std::filesystem::remove_all(g_folder);
  return failed;
}
