#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "analysis/failures/failure_groups.h"

namespace espalier {

/// A sweep with failures, written trial by trial. Every trial is done by one training of its own, on a host.
class FailureStory {
 public:
  /// Trials of every method, learning rate, sparsity and seed, all waiting.
  FailureStory(const std::vector<std::string>& methods, const std::vector<std::string>& rates,
               const std::vector<double>& sparsities, std::uint64_t seeds) {
    for (const std::string& rate : rates) {
      for (const std::string& method : methods) {
        for (const double sparsity : sparsities) {
          for (std::uint64_t seed = 0; seed < seeds; ++seed) add(method, rate, sparsity, seed);
        }
      }
    }
  }

  using Choice = bool (*)(const TrialFateRow&);

  /// The chosen trials that wait are done.
  void finish(Choice chosen, const std::string& host = "node1") {
    for (TrialFateRow& trial : evidence_.trials) {
      if (trial.state != "waiting" || !chosen(trial)) continue;
      trial.state = "done";
      count_work(host);
    }
  }
  void finish_the_rest(const std::string& host = "node1") {
    finish([](const TrialFateRow&) { return true; }, host);
  }
  /// A failure is charged to the training of each chosen trial that is not done.
  void fail(Choice chosen, const std::string& cause, const std::string& message, const std::string& host = "node1",
            bool quarantined = true) {
    for (std::size_t i = 0; i < evidence_.trials.size(); ++i) {
      TrialFateRow& trial = evidence_.trials[i];
      if (trial.state == "done" || !chosen(trial)) continue;
      charge(static_cast<std::int64_t>(i), trial.key, cause, message, host, quarantined);
      trial.struck = {static_cast<std::int64_t>(i)};
      if (quarantined) trial.state = "blocked";
    }
  }
  void diverge(Choice chosen) {
    for (std::size_t i = 0; i < evidence_.trials.size(); ++i) {
      TrialFateRow& trial = evidence_.trials[i];
      if (!chosen(trial)) continue;
      trial.state = "done";
      trial.diverged = {static_cast<std::int64_t>(i)};
      evidence_.diverged.push_back({static_cast<std::int64_t>(i), trial.key, "train " + trial.key, trial.seed, 40, 1});
    }
  }

  FailureEvidence& evidence() { return evidence_; }
  std::vector<FailureGroup> groups() const { return group_failures(evidence_); }
  /// "region: every trial with train.lr=1 fails: 6 of 6; nothing else does", one for each group.
  std::vector<std::string> verdicts() const {
    std::vector<std::string> texts;
    for (const FailureGroup& group : groups())
      texts.push_back(std::string(to_string(group.verdict.kind)) + ": " + group.verdict.sentence);
    return texts;
  }

 private:
  void add(const std::string& method, const std::string& rate, double sparsity, std::uint64_t seed) {
    TrialFateRow& trial = evidence_.trials.emplace_back();
    trial.key = "trial" + std::to_string(evidence_.trials.size());
    trial.seed = seed;
    trial.dataset = "glyphs";
    trial.model = "lenet-5";
    trial.variant = rate.empty() ? "" : "train.lr=" + rate;
    trial.method = trial.criterion = method;
    trial.granularity = "weight";
    trial.allocation = "global";
    trial.schedule = "one_shot";
    trial.rounds = 1;
    trial.retrain = "none";
    trial.control = "none";
    trial.sparsity_target = sparsity;
    trial.state = "waiting";
  }
  void charge(std::int64_t stage, const std::string& trial, const std::string& cause, const std::string& message,
              const std::string& host, bool quarantined) {
    ChargedFailureRow row;
    row.stage = stage;
    row.key = std::string(52, 'a') + std::to_string(100000000000 + stage);
    row.label = "train " + trial;
    row.kind = "train";
    row.state = quarantined ? "failed" : "waiting";
    row.cause = cause;
    row.message = message;
    row.host = host;
    row.pool = "local-1";
    row.quarantined = quarantined;
    row.trials = 1;
    evidence_.failures.insert(evidence_.failures.begin(), row);  // newest first
  }
  void count_work(const std::string& host) {
    const auto found = std::ranges::find(evidence_.work, host, &HostWorkRow::host);
    HostWorkRow& row = found != evidence_.work.end() ? *found : evidence_.work.emplace_back();
    row.host = host;
    row.kind = "train";
    ++row.done;
    ++row.in_sweep;
  }

  FailureEvidence evidence_;
};

}  // namespace espalier
