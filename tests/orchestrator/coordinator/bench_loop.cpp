// How long the coordinator's I/O loop is held up, while pools are busy: by a sweep of many trials that is submitted,
// and by one of large networks that ends. The pools are pretended by another process over loopback, and answer jobs of
// 20 ms, one after the other in each pool; the coordinator, its sockets, its store and the sweeps are real.
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <iostream>
#include <list>
#include <sstream>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "experiments/formats/safetensors.h"
#include "orchestrator/client/client.h"
#include "orchestrator/coordinator/coordinator.h"
#include "orchestrator/sweeps/sweep_journal.h"
#include "tests/orchestrator/coordinator/loop_pulse.h"
#include "tests/orchestrator/coordinator/pretend_pool.h"
#include "tests/orchestrator/noop_graph.h"

namespace espalier {
namespace {

namespace asio = boost::asio;

constexpr int kPools = 10, kRanks = 4;
constexpr int kJobs = 200'000;  // more than are done: the pools stay busy
constexpr SweepId kNoops = 1'000'000'000;

/// All in one thread, as if of ten hosts.
void run_pools(const StorePaths& store) {
  asio::io_context io{1};
  const CoordinatorAddress where = wait_for_coordinator(store);
  std::list<PretendLife> lives;  // coroutines hold pointers into it
  PretendPoolOptions options;
  options.ranks = kRanks;
  options.pause = std::chrono::milliseconds(20);
  for (int i = 0; i < kPools; ++i) asio::co_spawn(io, be_a_pool(where, options, &lives.emplace_back()), asio::detached);
  io.run();
}

/// 100 trials for each seed.
std::string many_trials(int trials) {
  return fmt::format(
      "sweep: many\ndataset: {{name: glyphs, train: 15000}}\nmodel: resnet-20\nseeds: {}\n"
      "train: {{optimizer: sgd, momentum: 0.9, lr: 0.1, batch_size: 128, epochs: 10}}\n"
      "prune: {{method: [random, magnitude, snip], schedule: {{iterative: {{rate: 0.2, rounds: 11}}}}}}\n"
      "retrain: [{{finetune: {{epochs: 2}}}}, {{lr_rewind: {{epochs: 5}}}}, {{rewind: {{to: init}}}}]\n"
      "controls: [random]\n",
      trials / 100);
}

std::string many_masks(int trials) {
  return fmt::format(
      "sweep: masks\ndataset: {{name: glyphs, train: 15000}}\nmodel: resnet-20\nseeds: {}\ndense: false\n"
      "train: {{optimizer: sgd, momentum: 0.9, lr: 0.1, batch_size: 128, epochs: 10}}\n"
      "prune: {{method: magnitude, sparsity: 0.5}}\n",
      trials);
}

/// A mask of as many weights as vgg-16-bn has: one file, to which every pruning's artifact is a link.
void leave_masks(const StageGraph& graph, const StorePaths& paths) {
  constexpr std::int64_t kWeights = 14'710'464;
  std::string bytes(kWeights, '\0');
  for (std::size_t i = 0; i < bytes.size(); i += 2) bytes[i] = 1;
  const std::filesystem::path file = paths.root / "mask";
  write_file_atomically(file, to_safetensors({{}, {{"conv.weight.mask", TensorType::u8, {1, kWeights}, bytes}}}));
  for (const Stage& stage : graph.stages) {
    if (stage.kind != StageKind::prune) continue;
    std::filesystem::create_directories(paths.artifact(stage.key).parent_path());
    std::filesystem::create_hard_link(file, paths.artifact(stage.key));
  }
}

class LoopBench {
 public:
  LoopBench(const std::filesystem::path& folder, int trials, int networks)
      : trials_(trials), networks_(networks), store_(folder), book_(store_), core_({store_.generation(), true}) {
    log_to_file(store_.paths().logs() / "bench.log", "bench");
    const StageGraph graph = noop_graph(kJobs);
    store_.record_sweep("noop", "", {}, graph);
    SweepToRun noops{kNoops, "noop", graph, std::vector<bool>(graph.stages.size(), false)};
    noops.priority = 1;
    core_.add_sweep(std::move(noops), utc_seconds());
  }

  void run() {
    CoordinatorOptions options;
    options.stays = true;
    options.on_submit = [this](const std::string& arguments, const std::stop_token& stop) {
      const auto asked = nlohmann::json::parse(arguments);
      const std::string yaml = asked.at("yaml");
      SubmittedSweep submitted;
      submitted.sweep = load_sweep_text(yaml, "bench.yaml", {}, "", {}, {}, stop);
      submitted.known = store_.find_sweep(submitted.sweep.name, submitted.sweep.trials, submitted.sweep.graph);
      submitted.take_in = [this, priority = asked.at("priority").get<int>()](LoadedSweep sweep) {
        if (sweep.name == "masks") leave_masks(sweep.graph, store_.paths());
        SweepToRun run = book_.begin(std::move(sweep));
        run.priority = priority;
        return run;
      };
      return submitted;
    };
    options.on_sweep_ended = [this](const EndedSweep& sweep) {
      if (sweep.id == kNoops) return;
      book_.end(sweep.id, "finished");
      book_.record_overlaps(sweep.id, sweep.name);
      has_ended_ = true;
    };
    std::ostringstream unseen;
    ProgressLine progress(unseen, false);
    Coordinator coordinator(store_, core_, options, progress);
    LoopPulse pulse(coordinator.loop());
    pulse_ = &pulse;
    loop_ = &coordinator.loop();
    std::thread client([this] { talk(); });
    coordinator.run();
    client.join();
  }

 private:
  void talk() {
    while (status().at("ranks") != kPools * kRanks) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    measure("nothing but jobs", [] { std::this_thread::sleep_for(std::chrono::seconds(3)); });
    measure(fmt::format("a sweep of {} trials is submitted", trials_), [this] { submit(many_trials(trials_), 0); });
    measure("it waits", [] { std::this_thread::sleep_for(std::chrono::seconds(3)); });
    submit(many_masks(networks_), 2);
    measure(fmt::format("a sweep of {} trials of 15 M weights ends", networks_), [this] {
      while (!has_ended_) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    });
    measure("another priority, a pause, a resume", [this] {
      steer("priority", {{"sweep", "many"}, {"priority", -1}});
      steer("pause", {{"sweep", "many"}});
      steer("resume", {{"sweep", "many"}});
    });
    measure("it is cancelled", [this] { steer("cancel", {{"sweep", "many"}}); });
    measure("it is forgotten", [] { std::this_thread::sleep_for(std::chrono::seconds(3)); });
    ask_coordinator(CoordinatorSource::in_store(store_.paths().root), "stop");
  }

  void submit(const std::string& yaml, int priority) {
    ask_coordinator(CoordinatorSource::in_store(store_.paths().root), "submit",
                    nlohmann::json{{"yaml", yaml}, {"priority", priority}}.dump());
  }
  void steer(const std::string& question, const nlohmann::json& arguments) {
    ask_coordinator(CoordinatorSource::in_store(store_.paths().root), question, arguments.dump());
  }
  nlohmann::json status() {
    return nlohmann::json::parse(ask_coordinator(CoordinatorSource::in_store(store_.paths().root), "status"));
  }

  LoopPulse::Longest take_pulse() {
    std::promise<LoopPulse::Longest> taken;
    asio::post(*loop_, [&] { taken.set_value(pulse_->take()); });
    return taken.get_future().get();
  }

  template <typename Work>
  void measure(const std::string& what, Work work) {
    const std::int64_t before = status().at("jobs_finished");
    take_pulse();
    std::atomic<bool> over = false;
    double slowest_answer = 0;
    std::thread other([&] {
      while (!over) {
        const double asked = utc_seconds();
        status();
        slowest_answer = std::max(slowest_answer, utc_seconds() - asked);
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
      }
    });
    const double began = utc_seconds();
    work();
    const double took = utc_seconds() - began;
    const LoopPulse::Longest longest = take_pulse();
    over = true;
    other.join();
    const std::int64_t jobs = static_cast<std::int64_t>(status().at("jobs_finished")) - before;
    std::cout
        << fmt::format(
               "{}: {:.1f} s, longest turn {:.0f} ms ({:.0f} ms of CPU), slowest answer {:.0f} ms, {:.0f} jobs/s\n",
               what, took, longest.wall_ms, longest.cpu_ms, 1e3 * slowest_answer, static_cast<double>(jobs) / took)
        << std::flush;
  }

  const int trials_, networks_;
  Store store_;
  SweepJournal book_;
  Core core_;
  LoopPulse* pulse_ = nullptr;
  asio::io_context* loop_ = nullptr;
  std::atomic<bool> has_ended_ = false;
};

int run(int trials, int networks) {
  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / fmt::format("espalier_bench_loop_{}", ::getpid());
  std::filesystem::remove_all(folder);
  const pid_t child = ::fork();
  if (child == 0) {
    try {
      run_pools(StorePaths{folder});
    } catch (const std::exception& error) {
      std::cerr << "pools: " << error.what() << "\n";
      ::_exit(1);
    }
    ::_exit(0);
  }
  LoopBench(folder, trials, networks).run();
  int status = 0;
  ::waitpid(child, &status, 0);
  std::filesystem::remove_all(folder);
  return status == 0 ? 0 : 1;
}

}  // namespace
}  // namespace espalier

int main(int argc, char** argv) {
  try {
    return espalier::run(argc > 1 ? std::atoi(argv[1]) : 300'000, argc > 2 ? std::atoi(argv[2]) : 500);
  } catch (const espalier::Error& error) {
    std::cerr << "bench_loop: " << error.what() << "\n";
    return 1;
  }
}
