#include "orchestrator/scheduler/blame.h"

#include <algorithm>

namespace espalier {

std::vector<Blame::Running> Blame::find_culprits(const std::vector<Running>& running) const {
  std::vector<Running> culprits;
  std::copy_if(running.begin(), running.end(), std::back_inserter(culprits), [](const Running& r) { return r.named; });
  if (!culprits.empty()) return culprits;
  if (running.size() == 1) return running;
  std::copy_if(running.begin(), running.end(), std::back_inserter(culprits),
               [&](const Running& r) { return suspects_.count(r.stage) != 0; });
  if (culprits.size() != 1) culprits.clear();
  return culprits;
}

std::vector<Blame::Running> Blame::on_crash(const std::vector<Running>& running,
                                            const std::vector<StageIndex>& interrupted) {
  const std::vector<Running> culprits = find_culprits(running);
  std::set<StageIndex> hit(interrupted.begin(), interrupted.end());
  for (const Running& one : running) hit.insert(one.unreached.begin(), one.unreached.end());
  for (const StageIndex stage : hit) {
    if (!suspects_.insert(stage).second) continue;
    if (culprits.size() == 1 && culprits.front().stage != stage) bystanders_[culprits.front().stage].insert(stage);
  }
  return culprits;
}

bool Blame::charge(StageIndex stage, LossCause cause, const std::string& host, const FailurePolicy& policy) {
  Charges& charges = charges_[stage];
  const auto crashes = [&] { return static_cast<std::int64_t>(charges.crash_hosts.size()); };
  switch (budget_of(cause)) {
    case Budget::crash:
      charges.crash_hosts.push_back(host);
      return crashes() >= policy.crashes;
    case Budget::error:
      return ++charges.errors >= policy.errors;
    case Budget::memory:
      alone_.insert(stage);
      return ++charges.out_of_memory >= policy.out_of_memory;
    case Budget::none:
    case Budget::machine:
    case Budget::input:
      break;
  }
  return false;
}

bool Blame::on_interrupted(StageIndex stage, bool progressed, const FailurePolicy& policy) {
  if (progressed) {
    interruptions_.erase(stage);
    return false;
  }
  return ++interruptions_[stage] >= policy.without_progress;
}

void Blame::settle(StageIndex stage) {
  suspects_.erase(stage);
  alone_.erase(stage);
  charges_.erase(stage);
  interruptions_.erase(stage);
  const auto explained = bystanders_.find(stage);
  if (explained == bystanders_.end()) return;
  for (const StageIndex bystander : explained->second) suspects_.erase(bystander);
  bystanders_.erase(explained);
}

void Blame::forgive(const std::string& host) {
  for (auto& [stage, charges] : charges_) std::erase(charges.crash_hosts, host);
}

void Blame::renumber(const Renumbering& to) {
  to.apply(suspects_);
  to.apply(bystanders_);
  for (auto& [culprit, bystanders] : bystanders_) to.apply(bystanders);
  to.apply(alone_);
  to.apply(charges_);
  to.apply(interruptions_);
}

}  // namespace espalier
