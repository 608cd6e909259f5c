#include "orchestrator/pools/autoscale_loop.h"

#include <charconv>
#include <chrono>
#include <map>
#include <set>
#include <thread>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "base/error.h"
#include "experiments/paths/store_paths.h"
#include "orchestrator/client/client.h"
#include "orchestrator/pools/pool_evidence.h"
#include "orchestrator/pools/pool_request.h"
#include "orchestrator/pools/ranks_wanted.h"

namespace espalier {
namespace {

using nlohmann::json;

constexpr std::int64_t kMostPools = 1000;

std::vector<WaitingJobs> waiting_jobs(const json& status) {
  std::vector<WaitingJobs> waiting;
  for (const json& one : status.at("waiting")) {
    Demand demand{
        one.at("ranks").get<int>(),
        {one.at("gpus").get<double>(), one.at("memory_gb").get<double>(), one.at("label").get<std::string>()}};
    waiting.push_back({std::move(demand), one.at("jobs").get<std::int64_t>()});
  }
  return waiting;
}

class Driver {
 public:
  Driver(AutoscaleSettings settings, const Slurm& slurm, const std::function<void(const std::string&)>& say)
      : settings_(std::move(settings)), slurm_(slurm), say_(say), scaler_(settings_.limits) {}

  /// True when the coordinator and all pools have ended.
  bool poll() {
    const double now = utc_seconds();
    if (now < scaler_.quiet_until()) return false;
    try {
      const auto listing = slurm_.list(settings_.request.title);
      const OpenWork work = ask_for_work(listing);
      const auto history = [this](const std::string& id) {
        const auto seen = histories_.find(settings_.request.label(id));
        return seen == histories_.end() ? PoolHistory::unseen : seen->second;
      };
      const ScaleActions actions = scaler_.decide(work, listing, history, now);
      for (const std::string& line : actions.lines) say_(line);
      if (!actions.give_up_on.empty()) give_up(actions.give_up_on);
      for (const std::string& id : actions.cancel) cancel(id);
      if (actions.submit > 0) submit(actions, work);
      scaler_.on_answer();
      return actions.done;
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::unavailable || gave_up_) throw;
      scaler_.on_trouble(now);
      say_(fmt::format("{}; looking again in {:.0f} s", error.what(), scaler_.quiet_until() - now));
      return false;
    }
  }
  const AutoscaleSummary& summary() const { return summary_; }
  std::size_t pools() const { return scaler_.pools(); }

 private:
  // A coordinator that ends normally removes its connection file, and its pools leave; a killed one does not, and may
  // be started again.
  OpenWork ask_for_work(const std::vector<BatchJobRow>& listing) {
    const StorePaths store{settings_.request.store};
    if (!std::filesystem::exists(store.connection())) return {true, 0};
    std::set<std::string> ours;
    for (const BatchJobRow& row : listing) ours.insert(settings_.request.label(row.id));
    const json status = json::parse(ask_coordinator(CoordinatorSource::in_store(store.root), "status"));
    OpenWork work{status.at("stopping").get<bool>(), ranks_wanted(waiting_jobs(status), settings_.request)};
    for (const json& pool :
         json::parse(ask_coordinator(CoordinatorSource::in_store(store.root), "pools")).at("pools")) {
      const std::string label = pool.at("pool").get<std::string>();
      if (!ours.contains(label)) continue;
      work.ranks += pool.at("busy").get<std::int64_t>();
      PoolHistory& seen = histories_[label];
      seen = std::max(seen, pool.at("jobs").get<std::int64_t>() > 0 ? PoolHistory::worked : PoolHistory::joined);
    }
    return work;
  }

  void submit(const ScaleActions& actions, const OpenWork& work) {
    leave_out_bad_nodes(slurm_, settings_.request, say_);
    BatchRequest staying = settings_.request;
    staying.idle_s = 0;
    submit(staying, actions.submit_to_stay, work);
    submit(settings_.request, actions.submit - actions.submit_to_stay, work);
  }

  void submit(BatchRequest& request, std::int64_t count, const OpenWork& work) {
    if (count == 0) return;
    const std::filesystem::path script = write_batch_script(request);
    for (std::int64_t pool = 0; pool < count; ++pool) {
      const std::string id = submit_to_slurm(slurm_, script, request, say_);
      scaler_.on_submitted(id, utc_seconds());
      ++summary_.submitted;
      say_(fmt::format("submitted {}: there is work for {} ranks", settings_.request.label(id), work.ranks));
    }
  }

  void cancel(const std::string& id) {
    slurm_.cancel(id);
    ++summary_.cancelled;
    say_(fmt::format("cancelled {}, which waited and is not needed", settings_.request.label(id)));
  }

  [[noreturn]] void give_up(const std::string& id) {
    gave_up_ = true;
    const std::filesystem::path log = settings_.request.log(id);
    throw Error(ErrorKind::unavailable,
                fmt::format("{} pools in a row ended before they joined the coordinator; the end of {}:\n{}",
                            Autoscaler::kMostFailures, log.string(), last_lines(log, 2000)));
  }

  AutoscaleSettings settings_;
  const Slurm& slurm_;
  const std::function<void(const std::string&)>& say_;
  Autoscaler scaler_;
  std::map<std::string, PoolHistory> histories_;  ///< by label
  AutoscaleSummary summary_;
  bool gave_up_ = false;
};

}  // namespace

ScaleLimits parse_autoscale(const std::string& text, std::int64_t ranks) {
  const char* const end = text.data() + text.size();
  ScaleLimits limits{0, 0, ranks};
  const auto [colon, bad] = std::from_chars(text.data(), end, limits.least);
  if (bad == std::errc() && colon != end && *colon == ':') {
    const auto [stop, worse] = std::from_chars(colon + 1, end, limits.most);
    if (worse == std::errc() && stop == end && 0 <= limits.least && limits.least <= limits.most && limits.most >= 1 &&
        limits.most <= kMostPools)
      return limits;
  }
  throw Error(ErrorKind::invalid_input,
              fmt::format("--autoscale: expected MIN:MAX, pools at least and at most (0:4, say; {} at most), found "
                          "\"{}\"",
                          kMostPools, text));
}

std::string how_to_end_pools(const std::string& title) {
  return "its pools stay until they are idle or their time is over; to end them now: scancel --name=" + title;
}

AutoscaleSummary autoscale(AutoscaleSettings settings, const Slurm& slurm,
                           const std::function<void(const std::string&)>& say, const std::function<bool()>& stopped) {
  constexpr std::chrono::milliseconds kPollPause{100};
  const StorePaths store{settings.request.store};
  if (!std::filesystem::exists(store.connection())) {
    throw Error(ErrorKind::unavailable, coordinator_trouble(store.root));
  }
  const double interval = settings.interval_s;
  const std::string title = settings.request.title;
  Driver driver(std::move(settings), slurm, say);
  try {
    while (!driver.poll()) {
      const double next = utc_seconds() + interval;
      while (utc_seconds() < next) {
        if (stopped()) return driver.summary();
        std::this_thread::sleep_for(kPollPause);
      }
    }
  } catch (const Error& error) {
    if (driver.pools() == 0) throw;
    throw Error(error.kind(), fmt::format("{}\n{}", error.what(), how_to_end_pools(title)));
  }
  AutoscaleSummary summary = driver.summary();
  summary.finished = true;
  return summary;
}

}  // namespace espalier
