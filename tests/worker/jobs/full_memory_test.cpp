#include <array>
#include <sys/resource.h>

#include "experiments/models/model_description.h"
#include "tests/worker/jobs/job_test.h"
#include "tests/worker/torchscript/script_module_file.h"
#include "worker/inspection/script_facts.h"

namespace espalier {
namespace {

/// A training that fills memory, in a process that may have a gigabyte of it, or half as much more when it is alone.
class FullMemory : public JobTest {
 protected:
  FullMemory() {
    ::getrlimit(RLIMIT_DATA, &before_);
    std::filesystem::create_directories(folder_);
    write_poison(folder_ / "poison.pt", Poison::fills_memory);
  }
  ~FullMemory() override { ::setrlimit(RLIMIT_DATA, &before_); }

  WorkerSettings limited() const {
    WorkerSettings limited = settings();
    limited.memory = {std::int64_t{1} << 30, std::int64_t{3} << 29};
    return limited;
  }
  JobStage poison(JobStage stage, const char* key_name) const {
    stage.key = key(key_name);
    stage.model_path = (folder_ / "poison.pt").string();
    return stage;
  }
  static Failure failure_of(JobRunner& runner, std::vector<JobStage> stages, bool alone) {
    const std::atomic<bool> stop = false;
    Failure failure;
    JobCallbacks callbacks;
    callbacks.on_outcome = [&](const StageOutcome& outcome) {
      if (outcome.failure) failure = *outcome.failure;
    };
    EXPECT_EQ(runner.run_job({1, std::move(stages)}, stop, callbacks, alone), JobEnd::failed);
    return failure;
  }
  rlimit before_{};
};

TEST_F(FullMemory, IsAFailureOfItsOwnAndTheNextJobHasRoom) {
  JobRunner runner(limited());
  const std::atomic<bool> stop = false;
  ASSERT_EQ(runner.run_job({1, {init("innocent")}}, stop, {}), JobEnd::finished);
  model_ = {"", {1, 28, 28}, 10};
  model_.file = describe_script(folder_ / "poison.pt", model_.input, model_.classes);
  InitSpec as_scripted{model_, "as_scripted", "init"};
  JobStage first = poison(init("poison"), "poison");
  first.spec = canonical_json(as_scripted);
  const JobStage fatal = poison(train("end", train_spec(5), "poison"), "end");
  const Failure usual = failure_of(runner, {first, fatal}, false);
  EXPECT_EQ(usual.kind, ErrorKind::exhausted);
  EXPECT_EQ(usual.cause, LossCause::oom_host);
  EXPECT_NE(usual.message.find("1.1 GB (--memory-per-rank)"), std::string::npos) << usual.message;
  const Failure alone = failure_of(runner, {fatal}, true);
  EXPECT_EQ(alone.cause, LossCause::oom_host);
  EXPECT_NE(alone.message.find("ran alone and could have 1.6 GB"), std::string::npos) << alone.message;
  model_ = {"lenet-300-100", {1, 28, 28}, 10};
  EXPECT_EQ(runner.run_job({2, {train("fine", train_spec(5), "innocent")}}, stop, {}), JobEnd::finished);
}

}  // namespace
}  // namespace espalier
