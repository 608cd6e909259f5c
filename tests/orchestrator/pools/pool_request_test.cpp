#include "orchestrator/pools/pool_request.h"

#include <fstream>
#include <unistd.h>

#include <gmock/gmock.h>

#include "base/error.h"
#include "orchestrator/pools/autoscale_loop.h"
#include "orchestrator/pools/bad_nodes.h"

namespace espalier {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class PoolRequestCase : public testing::Test {
 protected:
  PoolRequestCase()
      : folder_(std::filesystem::temp_directory_path() / ("espalier_pool_request_" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(folder_ / "store");
    std::ofstream(folder_ / "store" / "espalier.db");
    request_.store = folder_ / "store";
    request_.time = "2:00:00";
    request_.worker = "/opt/espalier-worker";
  }
  ~PoolRequestCase() override { std::filesystem::remove_all(folder_); }
  std::string profile(const std::string& text) {
    std::ofstream(folder_ / "site.yaml") << text;
    return (folder_ / "site.yaml").string();
  }
  std::string refusal() {
    try {
      make_batch_request(request_);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::invalid_input);
      return error.what();
    }
    return "";
  }
  const std::filesystem::path folder_;
  PoolRequest request_;
};

TEST_F(PoolRequestCase, OptionsWinOverTheProfileAndItOverTheDefaults) {
  request_.profile = profile("partition: cpu\naccount: p1\nlauncher: srun\nnodes: 3\ngpus_per_node: 2\nmargin: 60\n");
  request_.partition = "gpu";
  request_.nodes = 2;
  const BatchRequest batch = make_batch_request(request_);
  EXPECT_EQ(batch.profile.partition, "gpu");
  EXPECT_EQ(batch.profile.account, "p1");
  EXPECT_EQ(batch.launcher, Launcher::srun);
  EXPECT_EQ(batch.ranks(), 4);  // two nodes, a rank for each GPU
  EXPECT_EQ(batch.margin_s, 60);
  EXPECT_EQ(batch.label("17"), "slurm-17");
  request_.profile.clear();
  request_.name = "night";
  EXPECT_EQ(make_batch_request(request_).margin_s, 120);
  EXPECT_EQ(make_batch_request(request_).label("17"), "night-17");
}

TEST_F(PoolRequestCase, PoolsThatAreStartedAsTheyAreNeededLeaveUnlessToldToStay) {
  EXPECT_EQ(make_batch_request(request_).idle_s, 0);
  request_.autoscaled = true;
  EXPECT_EQ(make_batch_request(request_).idle_s, 60);
  request_.idle_s = 0;
  EXPECT_EQ(make_batch_request(request_).idle_s, 0);
}

TEST_F(PoolRequestCase, TwoStoresNeverShareATitle) {
  const std::string first = make_batch_request(request_).title;
  std::filesystem::create_directories(folder_ / "other");
  std::ofstream(folder_ / "other" / "espalier.db");
  request_.store = folder_ / "other";
  EXPECT_NE(make_batch_request(request_).title, first);
  request_.store = folder_ / "other" / "";
  const std::string with_slash = make_batch_request(request_).title;
  request_.store = folder_ / "store" / ".." / "other";
  EXPECT_EQ(make_batch_request(request_).title, with_slash);
}

TEST_F(PoolRequestCase, WhatIsWrongIsSaid) {
  request_.name = "a b";
  EXPECT_THAT(refusal(), HasSubstr("--name: expected letters"));
  request_.name.clear();
  request_.time = "soon";
  EXPECT_THAT(refusal(), HasSubstr("--time: expected a time such as 90 (minutes)"));
  request_.time.clear();
  EXPECT_THAT(refusal(), HasSubstr("--time: how long may the pool run?"));
  request_.time = "60";
  request_.launcher = "mpirn";
  EXPECT_THAT(refusal(), HasSubstr("did you mean \"mpirun\"?"));
  request_.launcher.reset();
  request_.profile = "slurm-gpuu";
  EXPECT_THAT(refusal(), HasSubstr("--profile: unknown \"slurm-gpuu\"; did you mean \"slurm-gpu\"?"));
  request_.profile = "pbs";
  EXPECT_THAT(refusal(), HasSubstr("pbs is for pbs: espalier pool pbs --profile pbs"));
  request_.profile = profile("partiton: gpu\n");
  EXPECT_THAT(refusal(), HasSubstr("site.yaml:1:1: partiton: unknown \"partiton\"; did you mean \"partition\"?"));
  request_.profile.clear();
  request_.store = folder_;
  EXPECT_THAT(refusal(), HasSubstr("there is no store here; a coordinator makes one: espalier serve"));
}

TEST_F(PoolRequestCase, ACoordinatorThatIsNotThereOrOutOfReach) {
  EXPECT_THAT(coordinator_trouble(request_.store), HasSubstr("no coordinator runs on"));
}

/// Commands of Slurm's that are scripts in a folder.
class PretendSlurm : public PoolRequestCase {
 protected:
  PretendSlurm() {
    for (const char* name : {"squeue", "scancel", "sinfo"}) program(name, "");
    ::setenv("PATH", (folder_.string() + ":" + path_).c_str(), 1);
  }
  ~PretendSlurm() override { ::setenv("PATH", path_.c_str(), 1); }
  void program(const std::string& name, const std::string& text) {
    std::ofstream(folder_ / name) << "#!/bin/sh\n" << text;
    std::filesystem::permissions(folder_ / name, std::filesystem::perms::owner_all);
  }
  const std::string path_ = std::getenv("PATH");
};

TEST_F(PretendSlurm, BadNodesAreBetterThanNone) {
  program(
      "sbatch",
      "for script; do :; done\nif grep -q exclude \"$script\"; then echo 'sbatch: error: Batch job submission failed: "
      "Requested node configuration is not available' >&2; exit 1; fi\necho 17\n");
  BatchRequest batch = make_batch_request(request_);
  batch.exclude = {"node1", "node2"};
  std::vector<std::string> said;
  const auto say = [&](const std::string& text) { said.push_back(text); };
  EXPECT_EQ(submit_to_slurm(Slurm(), write_batch_script(batch), batch, say), "17");
  EXPECT_THAT(batch.exclude, IsEmpty());
  EXPECT_THAT(said, ElementsAre(HasSubstr("no nodes for this pool but node1,node2")));
  program("sbatch", "echo 'sbatch: error: Invalid account' >&2; exit 1\n");
  batch.exclude = {"node1"};
  EXPECT_THROW(submit_to_slurm(Slurm(), write_batch_script(batch), batch, say), Error);
  EXPECT_EQ(said.size(), 1U);
}

TEST(Autoscale, IsTwoNumbers) {
  EXPECT_EQ(parse_autoscale("0:3", 4).most, 3);
  EXPECT_EQ(parse_autoscale("2:2", 4).least, 2);
  EXPECT_EQ(parse_autoscale("2:2", 4).ranks, 4);
  for (const char* text : {"", "3", "3:", ":3", "3:2", "0:0", "-1:3", "0:3x", "0:1001", "a:b", "0: 3"}) {
    try {
      parse_autoscale(text, 4);
      ADD_FAILURE() << text;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::invalid_input);
      EXPECT_THAT(error.what(), HasSubstr("--autoscale: expected MIN:MAX"));
    }
  }
}

TEST(BadHosts, AreThoseWhereOthersDidWhatCrashed) {
  const auto crash = [](const char* host, std::int64_t stage, const char* state, double at, const char* cause) {
    ChargedFailureRow row;
    row.host = host;
    row.stage = stage;
    row.state = state;
    row.failed_at = at;
    row.cause = cause;
    return row;
  };
  std::vector<ChargedFailureRow> failures;
  for (std::int64_t stage = 1; stage <= 3; ++stage) {
    failures.push_back(crash("node3", stage, "done", 9000, "signal"));
    failures.push_back(crash("node4", stage, "failed", 9000, "signal"));  // it crashes everywhere
    failures.push_back(crash("node5", stage, "done", 100, "hung"));       // long ago
    failures.push_back(crash("node6", 1, "done", 9000, "node_lost"));     // one job
    failures.push_back(crash("node7", stage, "done", 9000, "error"));     // the job's own words
    failures.push_back(crash("", stage, "done", 9000, "signal"));
  }
  EXPECT_THAT(bad_hosts(failures, {}, 10000), ElementsAre("node3"));
  EXPECT_THAT(bad_hosts(failures, {{"node3", 2}, {"node4", 9}}, 10000), ElementsAre("node3"));
  EXPECT_THAT(bad_hosts(failures, {{"node3", 3}}, 10000), IsEmpty());
  EXPECT_THAT(bad_hosts({}, {}, 10000), IsEmpty());
}

}  // namespace
}  // namespace espalier
