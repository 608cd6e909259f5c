// Random sweeps and random events, and after each event what must hold whatever happened: nobody idles beside work that
// is more urgent, pools are kept free only for what they can run, who must be alone is, and in the end all is done.
#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/random.h"
#include "orchestrator/core.h"

namespace espalier {
namespace {

struct WorldStage {
  StageKey key;
  int ranks = 1;
  bool done = false, failed = false;
  bool must_be_alone = false;  ///< it ran out of memory
  bool crashed = false;        ///< in a pool that died: it may be a suspect, and wait for others of them
};

struct WorldSweep {
  SweepId id = 0;
  int priority = 0;
  bool paused = false, ended = false;
  std::string label;  ///< that it asks for
  std::vector<std::size_t> stages;
};

struct WorldAttempt {
  PoolId pool = 0;
  std::vector<int> ranks;
  std::size_t stage = 0;
  bool alone = false;
};

struct WorldPool {
  int ranks = 0;
  std::string label;
  std::vector<std::string> hosts;
  bool silent = false, draining = false;
};

/// A core that stays, and all that happens to it. Every stage is a result by itself, so that what is ready is plain.
class World {
 public:
  explicit World(std::uint64_t seed) : random_(seed, "core_property") {}

  /// So many events; fails the test, and returns false, at the first broken rule.
  bool live(int events) {
    for (int event = 0; event < events && !testing::Test::HasFailure(); ++event) {
      now_ += random_.uniform() * 2;
      obeyed_ = 0;
      happen();
      check();
      if (testing::Test::HasFailure()) ADD_FAILURE() << "after event " << event << ": " << last_;
    }
    if (!testing::Test::HasFailure()) finish();
    return !testing::Test::HasFailure();
  }

 private:
  std::size_t pick(std::size_t count) {
    return static_cast<std::size_t>(random_.uniform() * static_cast<double>(count));
  }
  template <typename Container>
  const auto& any_of(const Container& all) {
    return *std::next(all.begin(), static_cast<std::ptrdiff_t>(pick(all.size())));
  }

  void happen() {
    const double drawn = random_.uniform();
    if (drawn < 0.04 || sweeps_.empty()) return add_sweep();
    if (drawn < 0.08 || pools_.empty()) return join();
    if (drawn < 0.10) return lose(pools_.size() > 1 && random_.uniform() < 0.5);
    if (drawn < 0.12) return set_priority();
    if (drawn < 0.14) return pause_or_resume();
    if (drawn < 0.15) return cancel();
    if (drawn < 0.17) return tick();
    if (drawn < 0.20) return leave_or_return();
    if (drawn < 0.22) return forget();
    if (attempts_.empty()) return tick();
    finish_one(random_.uniform());
  }

  void add_sweep() {
    last_ = "a sweep comes";
    if (open_sweeps() > 6) return tick();
    WorldSweep sweep;
    sweep.id = next_sweep_++;
    sweep.priority = static_cast<int>(pick(3));
    sweep.label = random_.uniform() < 0.2 ? "big" : "";
    const int ranks = random_.uniform() < 0.4 ? 2 + static_cast<int>(pick(2)) : 1;
    SweepToRun run;
    run.id = sweep.id;
    run.name = "sweep-" + std::to_string(sweep.id);
    run.priority = sweep.priority;
    run.resources.label = sweep.label;
    const std::size_t count = 1 + pick(8);
    for (std::size_t i = 0; i < count; ++i) {
      Stage stage;
      stage.key.digest = sha256(run.name + "/" + std::to_string(i));
      stage.kind = StageKind::evaluate;
      stage.spec = std::make_shared<const std::string>("{}");
      stage.label = run.name;
      stage.ranks = ranks;
      index_[stage.key] = stages_.size();
      sweep.stages.push_back(stages_.size());
      stages_.push_back({stage.key, ranks});
      run.graph.trials.push_back({static_cast<StageIndex>(run.graph.stages.size()), {}, {}, {}});
      run.graph.stages.push_back(std::move(stage));
    }
    run.done.assign(count, false);
    sweeps_.push_back(sweep);
    hear(core_.add_sweep(std::move(run), now_));
  }

  void forget() {
    last_ = "what has ended is forgotten";
    hear(core_.forget(now_));
  }

  void join() {
    last_ = "a pool joins";
    if (pools_.size() > 4) return tick();
    WorldPool pool;
    pool.ranks = 1 + static_cast<int>(pick(4));
    pool.label = random_.uniform() < 0.5 ? "big" : "";
    for (int rank = 0; rank < pool.ranks; ++rank) pool.hosts.push_back("node" + std::to_string(pick(3)));
    const PoolId id = next_pool_++;
    pools_[id] = pool;
    come(id);
  }
  void come(PoolId id) {
    WorldPool& pool = pools_.at(id);
    pool.silent = false;
    const auto labels = pool.label.empty() ? std::vector<std::string>{} : std::vector{pool.label};
    hear(core_.on_pool_joined(id, "pool-" + std::to_string(id), pool.ranks, now_, labels));
    for (int rank = 0; rank < pool.ranks; ++rank) {
      std::vector<std::uint64_t> held;
      for (const auto& [number, attempt] : attempts_) {
        if (attempt.pool == id && attempt.ranks.front() == rank) held.push_back(number);
      }
      hear(core_.on_rank_ready(id, rank, {1, pool.hosts[static_cast<std::size_t>(rank)]}, held, now_));
    }
  }

  void lose(bool crashed) {
    last_ = crashed ? "a pool crashes" : "a pool is preempted";
    const PoolId id = any_of(pools_).first;
    if (crashed) {
      for (const auto& [number, attempt] : attempts_) {
        if (attempt.pool == id) stages_[attempt.stage].crashed = true;
      }
    }
    pools_.erase(id);
    std::erase_if(attempts_, [&](const auto& entry) { return entry.second.pool == id; });
    PoolEnd end;
    end.cause = crashed ? LossCause::signal : LossCause::preempted;
    hear(core_.on_pool_lost(id, end, now_));
  }
  void leave_or_return() {
    const PoolId id = any_of(pools_).first;
    last_ = "a pool is silent, or is back";
    if (pools_.at(id).silent) return come(id);
    pools_.at(id).silent = true;
    hear(core_.on_pool_silent(id, now_));
  }

  void set_priority() {
    last_ = "a priority changes";
    WorldSweep& sweep = sweeps_[pick(sweeps_.size())];
    const int priority = static_cast<int>(pick(3));
    if (!sweep.ended) sweep.priority = priority;
    hear(core_.set_priority(sweep.id, priority, now_));
  }
  void pause_or_resume() {
    last_ = "a sweep is paused or resumed";
    WorldSweep& sweep = sweeps_[pick(sweeps_.size())];
    if (sweep.ended) return tick();
    sweep.paused = !sweep.paused;
    hear(sweep.paused ? core_.pause_sweep(sweep.id, now_) : core_.resume_sweep(sweep.id, now_));
  }
  void cancel() {
    last_ = "a sweep is cancelled";
    hear(core_.cancel_sweep(sweeps_[pick(sweeps_.size())].id, now_));
  }
  void tick() {
    last_ += ", time passes";
    hear(core_.on_tick(now_));
  }

  /// The job at the front of some rank ends, well or not.
  void finish_one(double drawn) {
    const auto [number, attempt] = any_of(attempts_);
    const WorldPool& pool = pools_.at(attempt.pool);
    const auto& queue = core_.find_pool(attempt.pool)->ranks[static_cast<std::size_t>(attempt.ranks.front())].queue;
    if (pool.silent || queue.empty() || queue.front() != number) return tick();
    StageOutcome outcome;
    outcome.key = stages_[attempt.stage].key;
    outcome.attempt = number;
    last_ = "a job is done";
    if (drawn < 0.1) {
      last_ = "a job runs out of memory";
      outcome.failure = Failure{ErrorKind::exhausted, "no memory", LossCause::oom_host, {}};
      stages_[attempt.stage].must_be_alone = true;
    } else if (drawn < 0.15) {
      last_ = "a job fails";
      outcome.failure = Failure{ErrorKind::invalid_input, "wrong", LossCause::error, {}};
    }
    hear(core_.on_stage_reached(attempt.pool, attempt.ranks.front(), outcome, now_));
    attempts_.erase(number);
    hear(core_.on_job_ended(attempt.pool, attempt.ranks.front(), {number, false}, now_));
  }

  void hear(const Effects& effects) {
    for (const Effect& effect : effects) {
      if (const SendJob* send = std::get_if<SendJob>(&effect)) {
        WorldAttempt attempt;
        attempt.pool = send->pool;
        attempt.ranks = send->gang.empty() ? std::vector{send->rank} : send->gang;
        attempt.stage = index_.at(send->job.stages.front().key);
        attempt.alone = send->alone;
        const WorldStage& stage = stages_[attempt.stage];
        EXPECT_EQ(attempt.ranks.size(), static_cast<std::size_t>(stage.ranks));
        EXPECT_EQ(stage.must_be_alone, attempt.alone) << "a job that ran out of memory was sent beside others";
        for (const auto& [number, other] : attempts_) EXPECT_NE(other.stage, attempt.stage) << "handed out twice";
        attempts_[send->job.attempt] = attempt;
      } else if (const SendStop* stop = std::get_if<SendStop>(&effect)) {
        stopped_.push_back(stop->attempt);
      } else if (const SweepEnded* ended = std::get_if<SweepEnded>(&effect)) {
        for (WorldSweep& sweep : sweeps_) sweep.ended = sweep.ended || sweep.id == ended->sweep;
      } else if (const Record* record = std::get_if<Record>(&effect)) {
        if (const StageFinished* finished = std::get_if<StageFinished>(&record->change)) {
          WorldStage& stage = stages_[index_.at(finished->outcome.key)];
          (finished->outcome.failure ? stage.failed : stage.done) = true;
        }
      }
    }
    obey();
  }
  /// Jobs that are asked back and wait at their rank are returned, those that run end early.
  void obey() {
    while (!stopped_.empty()) {
      if (++obeyed_ > 1000) {
        ADD_FAILURE() << "a job is taken back again and again";
        return stopped_.clear();
      }
      const std::uint64_t number = stopped_.back();
      stopped_.pop_back();
      const auto found = attempts_.find(number);
      if (found == attempts_.end() || pools_.at(found->second.pool).silent) continue;
      const WorldAttempt attempt = found->second;
      attempts_.erase(found);
      AttemptEnd end{number, true};
      end.started = false;
      hear(core_.on_job_ended(attempt.pool, attempt.ranks.front(), end, now_));
    }
  }

  std::size_t open_sweeps() const {
    return static_cast<std::size_t>(std::ranges::count(sweeps_, false, &WorldSweep::ended));
  }
  /// How urgent the stage is, and what it asks for; none if nobody wants it now.
  struct Want {
    int urgency = 0;
    std::string label;
  };
  std::optional<Want> want_of(std::size_t stage) const {
    for (const WorldSweep& sweep : sweeps_) {
      if (sweep.ended || sweep.paused || std::ranges::find(sweep.stages, stage) == sweep.stages.end()) continue;
      return Want{sweep.priority, sweep.label};
    }
    return std::nullopt;
  }
  bool is_held(std::size_t stage) const {
    return std::ranges::any_of(attempts_, [&](const auto& entry) { return entry.second.stage == stage; });
  }
  /// Ranks that take jobs and have what is asked for, and those of them that hold nothing.
  std::pair<int, int> able_and_idle(PoolId id, const std::string& label) const {
    const PoolSlot& slot = *core_.find_pool(id);
    if (!label.empty() && pools_.at(id).label != label) return {0, 0};
    int able = 0, idle = 0;
    for (const RankSlot& rank : slot.ranks) {
      if (!rank.ready || rank.aside) continue;
      ++able;
      idle += rank.queue.empty() ? 1 : 0;
    }
    return {able, idle};
  }

  void check() {
    for (const auto& [id, pool] : pools_) check_pool(id);
    for (std::size_t stage = 0; stage < stages_.size(); ++stage) check_that_nobody_idles_beside(stage);
  }

  void check_pool(PoolId id) {
    const PoolSlot& slot = *core_.find_pool(id);
    std::map<std::uint64_t, std::vector<int>> queued;
    for (std::size_t rank = 0; rank < slot.ranks.size(); ++rank) {
      for (const std::uint64_t number : slot.ranks[rank].queue) queued[number].push_back(static_cast<int>(rank));
    }
    std::map<std::uint64_t, std::vector<int>> held;
    bool alone = false;
    for (const auto& [number, attempt] : attempts_) {
      if (attempt.pool != id) continue;
      held[number] = attempt.ranks;
      std::ranges::sort(held[number]);
      alone = alone || attempt.alone;
    }
    EXPECT_EQ(queued, held) << "what pool " << id << " holds";
    if (alone) {
      EXPECT_EQ(held.size(), 1U) << "something runs beside a job that must be alone";
      return;
    }
    if (!slot.reserved) return;
    const std::size_t stage = index_.at(core_.graph().stages[slot.reserved->stage].key);
    const auto want = want_of(stage);
    ASSERT_TRUE(want) << "pool " << id << " is kept for what nobody wants";
    EXPECT_GE(able_and_idle(id, want->label).first, stages_[stage].ranks)
        << "pool " << id << " is kept for what it cannot run";
  }

  void check_that_nobody_idles_beside(std::size_t stage) {
    const WorldStage& one = stages_[stage];
    const auto want = want_of(stage);
    if (!want || one.done || one.failed || one.must_be_alone || one.crashed || is_held(stage)) return;
    for (const auto& [id, pool] : pools_) {
      const PoolSlot& slot = *core_.find_pool(id);
      bool kept = false;  // for something as urgent, or by a job that must be alone
      if (slot.reserved) {
        const std::size_t other = index_.at(core_.graph().stages[slot.reserved->stage].key);
        const auto theirs = want_of(other);
        kept = is_held(other) || (theirs && theirs->urgency >= want->urgency);
      }
      if (kept) continue;
      EXPECT_LT(able_and_idle(id, want->label).second, one.ranks)
          << "ranks of pool " << id << " idle beside a stage of " << one.ranks << " ranks";
    }
  }

  /// With pools that have everything, whatever is wanted ends.
  void finish() {
    for (WorldSweep& sweep : sweeps_) {
      if (std::exchange(sweep.paused, false)) hear(core_.resume_sweep(sweep.id, now_));
    }
    std::vector<PoolId> silent;
    for (const auto& [id, pool] : pools_) {
      if (pool.silent) silent.push_back(id);
    }
    for (const PoolId id : silent) come(id);
    const PoolId id = next_pool_++;
    pools_[id] = {4, "big", {"good", "good", "good", "good"}, false, false};
    come(id);
    for (int turn = 0; turn < 100000 && open_sweeps() > 0; ++turn) {
      now_ += 10;
      last_ = "the end";
      attempts_.empty() ? tick() : finish_one(1);
      check();
    }
    EXPECT_EQ(open_sweeps(), 0U) << "something never ended";
    EXPECT_TRUE(core_.idle());
  }

  RandomStream random_;
  Core core_{{3, true}};
  Now now_ = 1000;
  std::vector<WorldStage> stages_;
  std::map<StageKey, std::size_t> index_;
  std::vector<WorldSweep> sweeps_;
  std::map<PoolId, WorldPool> pools_;
  std::map<std::uint64_t, WorldAttempt> attempts_;
  std::vector<std::uint64_t> stopped_;
  int obeyed_ = 0;  ///< in this event
  SweepId next_sweep_ = 1;
  PoolId next_pool_ = 1;
  std::string last_;
};

class CoreProperty : public testing::TestWithParam<std::uint64_t> {};

TEST_P(CoreProperty, HoldsWhateverHappens) {
  for (std::uint64_t life = 0; life < 200; ++life) {
    World world(GetParam() * 1000 + life);
    ASSERT_TRUE(world.live(500)) << "seed " << GetParam() << ", life " << life;
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, CoreProperty, testing::Range<std::uint64_t>(1, 11));

}  // namespace
}  // namespace espalier
