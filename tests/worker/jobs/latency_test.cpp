// The stage that times pruned networks.
#include <atomic>

#include "tests/worker/jobs/job_test.h"

namespace espalier {
namespace {

class LatencyStage : public JobTest {
 protected:
  JobStage timed(const std::string& name, LatencySpec spec) const {
    JobStage stage;
    stage.key = key(name);
    stage.kind = StageKind::latency;
    stage.spec = canonical_json(spec);
    stage.inputs = {{InputRole::weights, key("init")}, {InputRole::masks, key("mask")}};
    return stage;
  }
  std::vector<JobStage> pruned(const std::string& granularity, std::int64_t kept) const {
    PruneSpec spec = prune_spec("magnitude", kept);
    spec.granularity = granularity;
    return {init("init"), prune("mask", spec, "init")};
  }
};

TEST_F(LatencyStage, TimesTheDenseThePrunedAndANetworkOfItsShape) {
  done(pruned("channel l2", 40));
  const StageOutcome outcome = done({timed("t", {model_, {1, 32}, 1, 0.3})});
  ASSERT_EQ(outcome.latencies.size(), 2U);
  EXPECT_TRUE(outcome.artifact_sha256.empty());
  for (const LatencyMeasurement& one : outcome.latencies) {
    ASSERT_EQ(one.networks.size(), 3U);
    EXPECT_EQ(one.networks[0].network, kDenseNetwork);
    EXPECT_EQ(one.networks[1].network, kPrunedNetwork);
    EXPECT_EQ(one.networks[2].network, kTwinNetwork);
    for (const NetworkTimes& times : one.networks) {
      EXPECT_GE(times.samples_ms.size(), 2U);
      EXPECT_EQ(times.samples_ms.size(), one.networks[0].samples_ms.size());
      EXPECT_GT(times.median_ms, 0);
      EXPECT_LE(times.speedup_low, times.speedup);
      EXPECT_GE(times.speedup_high, times.speedup);
    }
    // 40 of 400 hidden units: the weights are a tenth, and so is most of the memory.
    EXPECT_GE(one.networks[0].peak_bytes, 4 * 266610);
    EXPECT_LT(one.networks[1].peak_bytes, one.networks[0].peak_bytes / 2);
  }
  EXPECT_EQ(outcome.latencies[0].batch_size, 1);
  EXPECT_EQ(outcome.latencies[1].batch_size, 32);
  EXPECT_GT(outcome.latencies[1].networks[1].peak_bytes, outcome.latencies[0].networks[1].peak_bytes);
}

TEST_F(LatencyStage, WhereNoUnitLeavesThereIsNoTwin) {
  done(pruned("weight", 20000));
  const StageOutcome outcome = done({timed("t", {model_, {4}, 2, 0.2})});
  ASSERT_EQ(outcome.latencies.size(), 1U);
  EXPECT_EQ(outcome.latencies[0].networks.size(), 2U);
}

TEST_F(LatencyStage, AWideIntervalIsSaid) {
  done(pruned("channel l2", 40));
  const StageOutcome outcome = done({timed("t", {model_, {1}, 1, 1e-6})});
  ASSERT_FALSE(outcome.latencies[0].settled);
  EXPECT_NE(outcome.warnings.front().find("time_limit"), std::string::npos) << outcome.warnings.front();
}

TEST_F(LatencyStage, AStopInterruptsIt) {
  done(pruned("channel l2", 40));
  JobRunner runner(settings());
  std::atomic<bool> stop = false;
  JobCallbacks callbacks;
  callbacks.on_stage = [&](const JobStage&) { stop = true; };
  EXPECT_EQ(runner.run_job({1, {timed("t", {model_, {1}, 1, 60})}}, stop, callbacks), JobEnd::interrupted);
}

TEST_F(LatencyStage, ADeviceThatIsNotThereIsRefused) {
  done(pruned("channel l2", 40));
  const Run failed = run({timed("t", {model_, {1}, 1, 1, "cuda"})});
  ASSERT_TRUE(failed.outcomes.back().failure);
  EXPECT_EQ(failed.outcomes.back().failure->kind, ErrorKind::invalid_input);
  EXPECT_NE(failed.outcomes.back().failure->message.find("cuda"), std::string::npos);
}

}  // namespace
}  // namespace espalier
