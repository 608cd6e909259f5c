#pragma once

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "base/sha256.h"
#include "orchestrator/scheduler/core.h"
#include "tests/orchestrator/scheduler/graph_story.h"

namespace espalier {

/// A core that stays, with pretend pools of idle ranks and sweeps made by hand.
class SweepsStory : public testing::Test {
 protected:
  void add(SweepId id, const GraphStory& graph, int priority = 0, Resources resources = {}) {
    SweepToRun sweep{id, "sweep-" + std::to_string(id), graph.graph(), graph.done({})};
    sweep.priority = priority;
    sweep.resources = std::move(resources);
    check(core_.add_sweep(std::move(sweep), now_));
  }
  void join(PoolId pool, int ranks, RankFacts facts = {1, "node"}, std::vector<std::string> labels = {}) {
    check(core_.on_pool_joined(pool, "pool-" + std::to_string(pool), ranks, now_, std::move(labels)));
    for (int rank = 0; rank < ranks; ++rank) check(core_.on_rank_ready(pool, rank, facts, {}, now_));
  }
  void check(Effects effects) {
    for (Effect& effect : effects) {
      if (SendJob* send = std::get_if<SendJob>(&effect)) sent_.push_back(std::move(*send));
      if (const SendStop* stop = std::get_if<SendStop>(&effect)) {
        recalled_.push_back(stop->attempt);
        stopped_ranks_.push_back(stop->rank);
      }
      if (const Notice* tell = std::get_if<Notice>(&effect)) notices_.push_back(tell->text);
      if (const SweepEnded* ended = std::get_if<SweepEnded>(&effect)) ended_.push_back(*ended);
      if (const Record* record = std::get_if<Record>(&effect)) {
        if (const AttemptEnded* end = std::get_if<AttemptEnded>(&record->change)) ends_.push_back(*end);
      }
      if (const DismissPool* dismissed = std::get_if<DismissPool>(&effect)) dismissed_.push_back(dismissed->pool);
    }
  }
  /// After silence, with what each of its ranks holds.
  void return_with(PoolId pool, const std::vector<std::vector<std::uint64_t>>& held) {
    const auto ranks = static_cast<int>(held.size());
    check(core_.on_pool_joined(pool, "pool-" + std::to_string(pool), ranks, now_));
    for (int rank = 0; rank < ranks; ++rank)
      check(core_.on_rank_ready(pool, rank, {1, "node"}, held[static_cast<std::size_t>(rank)], now_));
  }
  void interrupt(const SendJob& send) {
    check(core_.on_job_ended(send.pool, send.rank, {send.job.attempt, true}, now_));
  }
  void fail_for_memory(const SendJob& send) { fail(send, LossCause::oom_host); }
  /// At its first stage.
  void fail(const SendJob& send, LossCause cause) {
    StageOutcome outcome;
    outcome.key = send.job.stages.front().key;
    outcome.attempt = send.job.attempt;
    outcome.failure = Failure{ErrorKind::exhausted, "it failed", cause, {}};
    check(core_.on_stage_reached(send.pool, send.rank, std::move(outcome), now_));
    check(core_.on_job_ended(send.pool, send.rank, {send.job.attempt, false}, now_));
  }
  /// The labels of the next job that was sent; "" if there is none.
  std::string next() {
    if (sent_.empty()) return "";
    last_ = sent_.front();
    sent_.erase(sent_.begin());
    std::string names;
    for (const JobStage& stage : last_.job.stages) names += (names.empty() ? "" : " ") + label(stage.key);
    return names;
  }
  void complete(const SendJob& send) {
    now_ += 1;
    for (const JobStage& stage : send.job.stages) {
      StageOutcome outcome;
      outcome.key = stage.key;
      outcome.attempt = send.job.attempt;
      check(core_.on_stage_reached(send.pool, send.rank, outcome, now_));
    }
    check(core_.on_job_ended(send.pool, send.rank, {send.job.attempt, false}, now_));
  }
  void tick() { check(core_.on_tick(now_)); }
  std::string label(const StageKey& key) const {
    for (const char* name : {"a", "b", "c", "d", "shared", "big", "small"}) {
      if (key.digest == sha256(name)) return name;
    }
    return "?";
  }
  static GraphStory evaluations(const std::vector<std::string>& names, int ranks = 1) {
    GraphStory story;
    for (const std::string& name : names) story.add(name, StageKind::evaluate).result(name);
    story.ask_for_ranks(ranks);
    return story;
  }

  /// Two ranks are at work, the gang "big" waits for both of them, and "small" behind it. What they are at.
  std::pair<SendJob, SendJob> keep_a_pool_for_a_gang() {
    add(1, evaluations({"a", "b"}));
    join(1, 2);
    next();
    const SendJob a = last_;
    next();
    const SendJob b = last_;
    add(2, evaluations({"big"}, 2), 1);
    add(3, evaluations({"small"}));
    return {a, b};
  }

  Core core_{{3, true}};
  Now now_ = 1000;
  std::vector<SendJob> sent_;
  std::vector<std::uint64_t> recalled_;
  std::vector<int> stopped_ranks_;  ///< parallel
  std::vector<SweepEnded> ended_;
  std::vector<std::string> notices_;
  std::vector<PoolId> dismissed_;
  std::vector<AttemptEnded> ends_;
  SendJob last_{};
};

}  // namespace espalier
