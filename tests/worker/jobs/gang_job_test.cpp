// A gang's job from beginning to end: who writes, who waits, where all stop.
#include <algorithm>
#include <array>
#include <atomic>

#include "tests/worker/data_parallel/thread_gang.h"
#include "tests/worker/jobs/job_test.h"

namespace espalier {
namespace {

constexpr int kJobMembers = 3;

/// What one member is given.
struct Member {
  std::string store = "store";
  std::int64_t stop_at = -1;  ///< the step at which it is asked to stop; -1 never
};
using Members = std::array<Member, kJobMembers>;

class GangJob : public JobTest {
 protected:
  TrainSpec shared_spec(std::int64_t end_step) const {
    TrainSpec spec = train_spec(end_step);
    spec.batch_size = 48;
    spec.ranks = kJobMembers;
    return spec;
  }

  std::array<Run, kJobMembers> run_together(const std::vector<JobStage>& stages, const Members& members = {}) const {
    std::array<Run, kJobMembers> runs;
    ThreadLine line(kJobMembers);
    std::vector<std::thread> threads;
    for (int member = 0; member < kJobMembers; ++member) {
      threads.emplace_back([&, member] {
        const Member& told = members[static_cast<std::size_t>(member)];
        Run& run = runs[static_cast<std::size_t>(member)];
        ThreadGang gang(line, member, kJobMembers);
        JobRunner runner(settings(told.store));
        std::atomic<bool> stop = false;
        JobCallbacks callbacks;
        callbacks.on_outcome = [&](StageOutcome outcome) { run.outcomes.push_back(std::move(outcome)); };
        callbacks.on_progress = [&](const StageProgress& progress) {
          stop = stop || (told.stop_at >= 0 && progress.step >= told.stop_at);
        };
        run.end = runner.run_job({1, stages}, stop, callbacks, false, &gang);
        if (run.end == JobEnd::failed) line.break_up(run.outcomes.back().failure);
      });
    }
    for (std::thread& thread : threads) thread.join();
    return runs;
  }

  /// Pruned in training to 26,620 weights, then trained on.
  std::vector<JobStage> stages() const {
    TrainSpec pruned = shared_spec(30);
    GradualSpec& gradual = pruned.gradual.emplace();
    gradual.prune = prune_spec("magnitude", 0);
    gradual.first_step = 4;
    gradual.every = 9;
    gradual.targets = {{200000}, {26620}};
    JobStage retrain = train("retrained", shared_spec(20), "mask");
    retrain.inputs = {{InputRole::weights, key("gradual")}, {InputRole::masks, key("mask")}};
    JobStage again = prune("mask", prune_spec("magnitude", 13310), "gradual");
    again.inputs.emplace_back(InputRole::masks, key("gradual"));
    JobStage last = evaluate("accuracy", "retrained");
    last.inputs.emplace_back(InputRole::masks, key("mask"));
    return {init("init"), train("gradual", pruned, "init"), again, retrain, last};
  }
};

TEST_F(GangJob, the_leader_runs_what_is_not_shared_and_writes_what_is) {
  const auto runs = run_together(stages());
  for (const Run& run : runs) EXPECT_EQ(run.end, JobEnd::finished);
  ASSERT_EQ(runs[0].outcomes.size(), 5U);
  for (const StageOutcome& outcome : runs[0].outcomes) EXPECT_FALSE(outcome.failure) << outcome.failure->message;
  EXPECT_GT(runs[0].outcomes[4].evaluation->accuracy(), 0.3);
  for (const char* name : {"init", "gradual", "mask", "retrained"})
    EXPECT_TRUE(std::filesystem::exists(artifact(name)));
  for (int member = 1; member < kJobMembers; ++member) {
    const Run& run = runs[static_cast<std::size_t>(member)];
    EXPECT_EQ(run.outcomes[1].artifact_sha256, "");
    expect_equal_metrics(run.outcomes[1], runs[0].outcomes[1]);
    expect_equal_metrics(run.outcomes[3], runs[0].outcomes[3]);
  }
}

TEST_F(GangJob, one_is_asked_to_stop_and_all_go_on_as_if_never) {
  const auto whole = run_together({init("init"), train("end", shared_spec(40), "init")},
                                  Members{Member{"uncut"}, {"uncut"}, {"uncut"}});
  run_together({init("init")});
  const JobStage stage = train("end", shared_spec(40), "init");
  for (const std::int64_t step : {0, 13, 26}) {
    const auto runs = run_together({stage}, Members{Member{}, {"store", step}, {}});
    for (const Run& run : runs) {
      EXPECT_EQ(run.end, JobEnd::interrupted);
      EXPECT_TRUE(run.outcomes.empty());
    }
    EXPECT_TRUE(std::filesystem::exists(checkpoint("end")));
  }
  const auto resumed = run_together({stage});
  ASSERT_EQ(resumed[0].end, JobEnd::finished);
  EXPECT_GT(resumed[0].outcomes[0].first_step, 26);
  EXPECT_EQ(resumed[0].outcomes[0].artifact_sha256, whole[0].outcomes[1].artifact_sha256);
  expect_equal_metrics(resumed[0].outcomes[0], whole[0].outcomes[1]);
}

TEST_F(GangJob, without_the_channels_that_left_it_stops_and_goes_on_the_same) {
  PruneSpec channels = prune_spec("magnitude", 150);  // of 400
  channels.granularity = "channel l2";
  const auto retrained = [&](const std::string& name, const std::string& compute) {
    TrainSpec spec = shared_spec(40);
    spec.compute = compute;
    JobStage stage = train(name, spec, "init");
    stage.inputs.emplace_back(InputRole::masks, key("mask"));
    return stage;
  };
  const std::vector<JobStage> before{init("init"), prune("mask", channels, "init")};
  std::vector<JobStage> uncut = before;
  uncut.insert(uncut.end(), {retrained("end", kShrunk), retrained("masked", "")});
  const auto whole = run_together(uncut, Members{Member{"uncut"}, {"uncut"}, {"uncut"}});
  ASSERT_EQ(whole[0].end, JobEnd::finished);
  run_together(before);
  const auto stopped = run_together({retrained("end", kShrunk)}, Members{Member{}, {}, {"store", 15}});
  for (const Run& run : stopped) EXPECT_EQ(run.end, JobEnd::interrupted);
  const auto resumed = run_together({retrained("end", kShrunk)});
  ASSERT_EQ(resumed[0].end, JobEnd::finished);
  EXPECT_GT(resumed[0].outcomes[0].first_step, 15);
  EXPECT_EQ(resumed[0].outcomes[0].artifact_sha256, whole[0].outcomes[2].artifact_sha256);
  expect_equal_metrics(resumed[0].outcomes[0], whole[0].outcomes[2]);
  // The masked gang learns the same.
  EXPECT_NE(resumed[0].outcomes[0].artifact_sha256, whole[0].outcomes[3].artifact_sha256);
  for (const MetricPoint& point : whole[0].outcomes[3].metrics) {
    const auto found = std::ranges::find_if(resumed[0].outcomes[0].metrics, [&](const MetricPoint& one) {
      return one.step == point.step && one.name == point.name;
    });
    ASSERT_NE(found, resumed[0].outcomes[0].metrics.end());
    if (point.name != "train_loss") continue;
    EXPECT_NEAR(found->value, point.value, 1e-3 * point.value);
  }
}

TEST_F(GangJob, a_repair_is_the_leaders_with_the_bits_of_one_rank) {
  PruneSpec channels = prune_spec("magnitude", 150);
  channels.granularity = "channel l2";
  JobStage repair;
  repair.key = key("repair");
  repair.kind = StageKind::repair;
  repair.spec = canonical_json(RepairSpec{{true, false, 4, 50, 0.01}, model_, dataset_});
  repair.inputs = {{InputRole::weights, key("init")}, {InputRole::masks, key("mask")}};
  const std::vector<JobStage> stages{init("init"), prune("mask", channels, "init"), repair};
  const auto together = run_together(stages);
  ASSERT_EQ(together[0].end, JobEnd::finished);
  EXPECT_EQ(together[0].outcomes[2].artifact_sha256, done(stages, "alone").artifact_sha256);
  EXPECT_EQ(together[1].outcomes[2].artifact_sha256, "");
}

TEST_F(GangJob, what_fails_on_one_fails_the_job_of_all) {
  run_together({init("init")});
  const auto runs = run_together({train("end", shared_spec(40), "init")}, Members{Member{}, {}, {"elsewhere"}});
  for (const Run& run : runs) {
    EXPECT_EQ(run.end, JobEnd::failed);
    ASSERT_EQ(run.outcomes.size(), 1U);
    EXPECT_EQ(run.outcomes[0].failure->cause, LossCause::damaged_input);
  }
  EXPECT_FALSE(std::filesystem::exists(artifact("end")));
}

TEST_F(GangJob, members_that_take_up_different_states_do_not_begin) {
  const JobStage stage = train("end", shared_spec(40), "init");
  run_together({init("init")});
  std::filesystem::create_directories(artifact("init", "elsewhere").parent_path());
  std::filesystem::copy_file(artifact("init"), artifact("init", "elsewhere"));
  run_together({stage}, Members{Member{"store", 13}, {}, {}});
  const auto runs = run_together({stage}, Members{Member{}, {}, {"elsewhere"}});
  for (const Run& run : runs) {
    ASSERT_EQ(run.end, JobEnd::failed);
    EXPECT_EQ(run.outcomes[0].failure->kind, ErrorKind::unavailable);
    EXPECT_NE(run.outcomes[0].failure->message.find("those of rank 2 differ"), std::string::npos);
  }
}

TEST_F(GangJob, one_rank_alone_does_not_pretend) {
  const Run alone = run({init("init"), train("end", shared_spec(40), "init")});
  EXPECT_EQ(alone.end, JobEnd::failed);
  EXPECT_NE(alone.outcomes.back().failure->message.find("a training of 3 ranks was given to 1"), std::string::npos);
}

}  // namespace
}  // namespace espalier
