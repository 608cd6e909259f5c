#include "analysis/failures/failure_groups.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include <fmt/format.h>

#include "analysis/failures/failure_signature.h"
#include "analysis/text/number_text.h"

namespace espalier {
namespace {

using Kind = FailureVerdict::Kind;

constexpr std::int64_t kSeveral = 2;

/// "every trial with train.lr=1 fails: 6 of 6; nothing else does"; `verb` is "fail" or "diverge".
std::string region_sentence(const FailingRegion& region, const std::string& verb) {
  const std::string which = settings_text(region.settings);
  if (region.struck == region.trials) {
    return fmt::format("every trial with {} {}s: {} of {}; nothing else does", which, verb, region.struck,
                       region.trials);
  }
  const std::string rest =
      region.fine == 0 ? "none of the others is done" : counted(region.fine, "other") + " done all the same";
  return fmt::format("{} of {} trials with {} {}, {}; no other trial does", region.struck, region.trials, which, verb,
                     rest);
}

/// One group's failures, and what is known beside them.
class Inquest {
 public:
  Inquest(const FailureEvidence& evidence, const FailureGroup& group) : evidence_(evidence), group_(group) {
    for (const std::size_t i : group.failures) {
      const ChargedFailureRow& failure = evidence.failures[i];
      stages_.insert(failure.stage);
      if (failure.state == "done") done_.insert(failure.stage);
      if (failure.state == "failed") quarantined_.insert(failure.stage);
      kinds_.insert(failure.kind);
      failure.host.empty() ? void(is_host_unknown_ = true) : void(hosts_.insert(failure.host));
    }
    for (const TrialFateRow& trial : evidence.trials) fates_.push_back(fate_of(trial));
  }

  std::int64_t jobs() const { return std::ssize(stages_); }
  std::int64_t nodes() const { return std::ssize(hosts_); }
  std::int64_t quarantined() const { return std::ssize(quarantined_); }
  std::int64_t trials() const { return std::ranges::count(fates_, Fate::struck); }

  FailureVerdict verdict() const {
    const auto region = find_failing_region(evidence_.trials, fates_);
    if (jobs() == 1 && others_done() >= kSeveral) return job_verdict(region);
    if (jobs() > 1 && is_one_node() && (!region || done_here() == 0)) return node_verdict();
    if (region) return {Kind::region, region_sentence(*region, "fail"), region->settings};
    return {Kind::unclear, unclear_sentence(), {}};
  }

 private:
  Fate fate_of(const TrialFateRow& trial) const {
    if (!trial.diverged.empty()) return Fate::open;
    if (trial.state == "done") return Fate::fine;
    const bool is_struck =
        std::ranges::any_of(trial.struck, [&](std::int64_t stage) { return stages_.contains(stage); });
    return is_struck ? Fate::struck : Fate::open;
  }
  /// Stages of the sweep that are done and like those that fail.
  std::int64_t others_done() const {
    std::int64_t count = 0;
    for (const HostWorkRow& row : evidence_.work) count += kinds_.contains(row.kind) ? row.in_sweep : 0;
    return count - std::ssize(done_);
  }
  bool is_one_node() const { return hosts_.size() == 1 && !is_host_unknown_ && done_elsewhere() > 0; }
  std::int64_t done_elsewhere() const {
    std::int64_t count = 0;
    for (const HostWorkRow& row : evidence_.work) count += hosts_.contains(row.host) ? 0 : row.done;
    return count;
  }
  /// Of the kinds that fail.
  std::int64_t done_here() const {
    std::int64_t count = 0;
    for (const HostWorkRow& row : evidence_.work)
      count += hosts_.contains(row.host) && kinds_.contains(row.kind) ? row.done : 0;
    return count;
  }
  std::string kinds_text() const { return fmt::format("{}", fmt::join(kinds_, " or ")); }
  /// "; all of them are done by now", "".
  std::string recovery() const {
    if (done_.size() != stages_.size()) return "";
    return jobs() == 1 ? "; it is done by now" : "; all of them are done by now";
  }

  FailureVerdict job_verdict(const std::optional<FailingRegion>& region) const {
    FailureVerdict verdict{Kind::job, "", {}};
    verdict.sentence =
        fmt::format("only this job fails ({}); {} other {} jobs of the sweep are done{}",
                    counted(std::ssize(group_.failures), "time"), others_done(), kinds_text(), recovery());
    if (region && region->struck == region->trials) {
      verdict.settings = region->settings;
      verdict.sentence +=
          fmt::format("; all {} trials with {} need it", region->trials, settings_text(region->settings));
    }
    return verdict;
  }

  FailureVerdict node_verdict() const {
    const std::string& host = *hosts_.begin();
    const std::int64_t here = done_here();
    return {Kind::node,
            fmt::format("{} fail on {} alone, which has {}; {} done on other nodes{}", counted(jobs(), "job"), host,
                        here == 0 ? fmt::format("done no {} job", kinds_text())
                                  : fmt::format("done {} before", counted(here, "such job")),
                        done_elsewhere() == 1 ? "1 job is" : fmt::format("{} jobs are", done_elsewhere()), recovery()),
            {}};
  }

  std::string unclear_sentence() const {
    const std::string who = jobs() == 1 ? "this job fails" : fmt::format("{} fail", counted(jobs(), "job"));
    if (!recovery().empty()) return who + recovery();
    if (others_done() < kSeveral) return who + "; too little is done to say what is different";
    return who + "; nothing distinguishes them from those that are done";
  }

  const FailureEvidence& evidence_;
  const FailureGroup& group_;
  std::set<std::int64_t> stages_, done_, quarantined_;
  std::set<std::string> kinds_, hosts_;
  bool is_host_unknown_ = false;
  std::vector<Fate> fates_;
};

/// The newest of those with a backtrace, else with a log, else of all.
std::size_t telling_example(const FailureEvidence& evidence, const std::vector<std::size_t>& failures) {
  const auto weight = [&](std::size_t i) {
    const ChargedFailureRow& failure = evidence.failures[i];
    return (failure.backtrace.empty() ? 0 : 2) + (failure.log.empty() ? 0 : 1);
  };
  return *std::ranges::max_element(failures, {}, weight);
}

}  // namespace

std::string_view to_string(FailureVerdict::Kind kind) {
  switch (kind) {
    case Kind::job:
      return "job";
    case Kind::node:
      return "node";
    case Kind::region:
      return "region";
    case Kind::unclear:
      return "unclear";
  }
  return "unclear";
}

std::vector<FailureGroup> group_failures(const FailureEvidence& evidence) {
  std::map<std::string, FailureGroup> by_signature;
  for (std::size_t i = 0; i < evidence.failures.size(); ++i) {
    const std::string signature = failure_signature(evidence.failures[i]);
    FailureGroup& group = by_signature[signature];
    group.signature = signature;
    group.cause = evidence.failures[i].cause;
    group.failures.push_back(i);
  }
  std::vector<FailureGroup> groups;
  for (auto& [signature, group] : by_signature) {
    const Inquest inquest(evidence, group);
    group.example = telling_example(evidence, group.failures);
    group.jobs = inquest.jobs();
    group.nodes = inquest.nodes();
    group.quarantined = inquest.quarantined();
    group.trials = inquest.trials();
    group.verdict = inquest.verdict();
    groups.push_back(std::move(group));
  }
  std::ranges::stable_sort(groups, [](const FailureGroup& a, const FailureGroup& b) {
    return std::tuple(a.quarantined, a.failures.size()) > std::tuple(b.quarantined, b.failures.size());
  });
  return groups;
}

DivergedGroup group_diverged(const FailureEvidence& evidence) {
  DivergedGroup group;
  group.trainings = std::ssize(evidence.diverged);
  std::vector<Fate> fates;
  for (const TrialFateRow& trial : evidence.trials) {
    const Fate otherwise = trial.state == "done" ? Fate::fine : Fate::open;
    fates.push_back(trial.diverged.empty() ? otherwise : Fate::struck);
  }
  group.trials = std::ranges::count(fates, Fate::struck);
  if (group.trainings == 0 && group.trials == 0) return group;
  if (const auto region = find_failing_region(evidence.trials, fates)) {
    group.settings = region->settings;
    group.sentence = region_sentence(*region, "diverge");
  } else {
    group.sentence = "nothing distinguishes these trials from those that are done";
  }
  return group;
}

}  // namespace espalier
