// A coordinator that stays, and what its clients say to it.
#include <chrono>
#include <csignal>
#include <thread>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "tests/e2e/program.h"
#include "tests/e2e/sweep_case.h"

namespace espalier {
namespace {

using nlohmann::json;

class Serve : public SweepCase {
 protected:
  std::unique_ptr<Program> serve(const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments{"serve", "--store", store()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    auto program = std::make_unique<Program>(espalier_command(arguments));
    EXPECT_TRUE(until([&] { return program->out().find("listening on") != std::string::npos; })) << program->out();
    return program;
  }
  /// True as soon as it is.
  static bool until(const std::function<bool()>& holds, double limit_s = 60) {
    for (double waited = 0; waited < limit_s; waited += 0.1) {
      if (holds()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    return holds();
  }
  ProgramEnd tell(std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--store", store()});
    return espalier(arguments);
  }
  json ask(const std::vector<std::string>& arguments) {
    std::vector<std::string> with_json = arguments;
    with_json.emplace_back("--json");
    const ProgramEnd end = tell(with_json);
    EXPECT_EQ(end.exit_code, 0) << end.err;
    return json::parse(end.out, nullptr, false);
  }
  std::string state(const std::string& sweep) {
    const json status = ask({"status"});
    for (const json& one : status.at("sweeps")) {
      if (one.at("label") == sweep) return one.at("state");
    }
    return "absent";
  }
  /// Shares its dense networks with small_sweep.
  std::string other_sweep() {
    return write("other.yaml",
                 "sweep: other\n"
                 "dataset: {name: glyphs, train: 1500, validation: 300, test: 500}\n"
                 "model: lenet-300-100\n"
                 "seeds: 2\n"
                 "train: {optimizer: adam, lr: 1.2e-3, batch_size: 60, epochs: 4}\n"
                 "prune: {method: magnitude, sparsity: 0.9}\n"
                 "retrain: {finetune: {epochs: 1}}\n");
  }
};

TEST_F(Serve, TwoSweepsShareItAndEqualRunsOfTheirOwn) {
  const std::string small = small_sweep(), other = other_sweep();
  const auto coordinator = serve({"--workers", "2"});
  const json taken = ask({"submit", small});
  EXPECT_EQ(taken.at("sweep"), "small");
  EXPECT_EQ(tell({"submit", other, "--priority", "5"}).exit_code, 0);
  const ProgramEnd watched = tell({"status", "--watch"});
  EXPECT_EQ(watched.exit_code, 0) << watched.err;
  EXPECT_EQ(state("small"), "finished");
  EXPECT_EQ(state("other"), "finished");
  const json pools = ask({"ps", "--pools"}).at("pools");
  ASSERT_EQ(pools.size(), 1U);
  EXPECT_EQ(pools[0].at("ranks"), 2);
  EXPECT_EQ(pools[0].at("pool"), "local-1");
  const ProgramEnd logs = tell({"logs", "local-1"});
  EXPECT_NE(logs.out.find("joined the coordinator"), std::string::npos) << logs.out << logs.err;
  EXPECT_TRUE(coordinator->running());  // it stays
  EXPECT_EQ(tell({"stop"}).exit_code, 0);
  EXPECT_EQ(coordinator->wait().exit_code, 0);

  ASSERT_EQ(espalier({"run", small, "--store", store("alone"), "--workers", "2", "--quiet"}).exit_code, 0);
  ASSERT_EQ(espalier({"run", other, "--store", store("alone"), "--workers", "2", "--quiet"}).exit_code, 0);
  EXPECT_EQ(results_of(store()), results_of(store("alone")));
}

TEST_F(Serve, WhatWasSubmittedGoesOnAfterAStopAndAKill) {
  const std::string small = small_sweep();
  auto coordinator = serve();
  ASSERT_EQ(tell({"submit", small}).exit_code, 0);
  EXPECT_EQ(tell({"pause", "small"}).exit_code, 0);
  EXPECT_EQ(tell({"priority", "small", "7"}).exit_code, 0);
  coordinator->signal(SIGINT);
  EXPECT_EQ(coordinator->wait().exit_code, 0);
  EXPECT_EQ(state("small"), "stopped");

  coordinator = serve({"--workers", "2"});
  EXPECT_NE(coordinator->out().find("going on with small"), std::string::npos) << coordinator->out();
  EXPECT_TRUE(until([&] { return ask({"ps", "--pools"}).at("pools").size() == 1; }));
  EXPECT_TRUE(ask({"ps"}).at("jobs").empty());  // still paused
  EXPECT_EQ(tell({"resume"}).exit_code, 0);
  EXPECT_TRUE(until([&] { return !ask({"ps"}).at("jobs").empty(); }));
  coordinator->signal(SIGKILL);
  coordinator->wait();

  coordinator = serve({"--workers", "2"});
  EXPECT_EQ(tell({"status", "--watch"}).exit_code, 0);
  EXPECT_EQ(state("small"), "finished");
  coordinator->signal(SIGTERM);
  coordinator->wait();
  ASSERT_EQ(espalier({"run", small, "--store", store("alone"), "--workers", "2", "--quiet"}).exit_code, 0);
  EXPECT_EQ(results_of(store()), results_of(store("alone")));
}

TEST_F(Serve, APoolThatHadNothingToDoInTheEndIsNotOneThatRanOutOfTime) {
  const auto coordinator = serve();
  const auto bin = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  const std::string note = (folder_ / "left").string();
  Program pool({(bin / "espalier-worker").string(), "--store", store(), "--time-limit", "6", "--left-note", note});
  EXPECT_EQ(pool.wait(60).exit_code, 0);
  EXPECT_EQ(read_file(note, 100), "idle\n");
}

TEST_F(Serve, WhatSlurmTookBeforeItRefusedTheRestIsTold) {
  const auto coordinator = serve();
  const std::string first = (folder_ / "first").string();
  const auto pretend = [&](const std::string& name, const std::string& text) {
    std::filesystem::permissions(write(name, "#!/bin/sh\n" + text), std::filesystem::perms::owner_all);
  };
  for (const char* name : {"squeue", "scancel", "sinfo"}) pretend(name, "");
  pretend("sbatch", "if [ -e " + first + " ]; then echo 'sbatch: error: Invalid account' >&2; exit 1; fi\n: >" + first +
                        "\necho 17\n");
  const std::map<std::string, std::string> environment{{"PATH", folder_.string() + ":/usr/bin:/bin"}};
  const auto submit = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {"pool", "slurm", "--store", store(), "--time", "10", "--json"});
    return espalier(words, environment);
  };
  ProgramEnd end = submit({"--count", "3"});
  EXPECT_EQ(end.exit_code, 2);
  EXPECT_NE(end.err.find("the coordinator listens on 127.0.0.1"), std::string::npos) << end.err;
  const json told = json::parse(end.out, nullptr, false);
  ASSERT_TRUE(told.is_object()) << end.out;
  EXPECT_EQ(told.at("pools").at(0).at("id"), "17");
  EXPECT_EQ(told.at("pools").size(), 1U);

  std::filesystem::remove(first);
  end = submit({"--autoscale", "2:2"});
  EXPECT_EQ(end.exit_code, 2);
  for (const char* words :
       {"the coordinator listens on 127.0.0.1", "Invalid account", "scancel --name=espalier-slurm-"})
    EXPECT_NE(end.err.find(words), std::string::npos) << end.err;
}

TEST_F(Serve, ADetachedRunOutlivesItsTerminalAndCanBeCancelled) {
  const std::string small = small_sweep();
  const ProgramEnd started =
      espalier({"run", small, "--store", store(), "--workers", "2", "--set", "train.epochs=60", "--detach"});
  EXPECT_EQ(started.exit_code, 0) << started.err;
  EXPECT_NE(started.out.find("ssh -L"), std::string::npos) << started.out;
  EXPECT_TRUE(until([&] { return !ask({"ps"}).at("jobs").empty(); }));
  const ProgramEnd refused = tell({"submit", other_sweep()});
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_NE(refused.err.find("runs one sweep"), std::string::npos) << refused.err;
  EXPECT_EQ(tell({"cancel"}).exit_code, 0);
  EXPECT_TRUE(until([&] { return state("small") == "cancelled"; }));
}

TEST_F(Serve, ItOutlivesTheFolderThatItWasStartedInAndThatOfItsCheckpoints) {
  const std::filesystem::path started_in = folder_ / "started_in";
  std::filesystem::create_directories(started_in);
  Program coordinator(espalier_command({"serve", "--store", store()}), {}, started_in);
  EXPECT_TRUE(until([&] { return coordinator.out().find("listening on") != std::string::npos; })) << coordinator.out();
  std::filesystem::remove_all(started_in);
  std::filesystem::remove_all(folder_ / "store" / "checkpoints");
  const ProgramEnd submitted = tell({"submit", small_sweep()});
  EXPECT_EQ(submitted.exit_code, 0) << submitted.err;
  EXPECT_EQ(tell({"cancel"}).exit_code, 0);
  EXPECT_TRUE(until([&] { return state("small") == "cancelled"; }));
  EXPECT_TRUE(coordinator.running());
}

TEST_F(Serve, WhatMakesNoSenseIsASentence) {
  const auto coordinator = serve();
  const std::vector<std::pair<std::vector<std::string>, std::string>> wrong{
      {{"cancel", "nobody"}, "no sweep called nobody is at work"},
      {{"drain", "nobody"}, "no pool called nobody is here"},
      {{"pause"}, "say which sweep is meant"},
      {{"logs", "nobody"}, "no log of nobody"},
      {{"logs", "12345"}, "no job has the number 12345"},
      {{"submit", write("bad.yaml", "sweep: bad\nmodle: x\n")}, "did you mean"}};
  for (const auto& [arguments, sentence] : wrong) {
    const ProgramEnd end = tell(arguments);
    EXPECT_EQ(end.exit_code, 2) << arguments[0];
    EXPECT_NE(end.err.find(sentence), std::string::npos) << arguments[0] << ": " << end.err;
  }
  EXPECT_TRUE(coordinator->running());
  const ProgramEnd second = espalier({"serve", "--store", store()});
  EXPECT_EQ(second.exit_code, 3);
  EXPECT_NE(second.err.find(std::to_string(coordinator->pid())), std::string::npos) << second.err;
}

}  // namespace
}  // namespace espalier
