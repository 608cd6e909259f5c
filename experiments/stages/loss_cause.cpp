#include "experiments/stages/loss_cause.h"

#include <array>
#include <string>

#include "base/error.h"

namespace espalier {
namespace {

struct CauseEntry {
  LossCause cause;
  std::string_view name;
  Budget budget;
};

using enum LossCause;
constexpr std::array<CauseEntry, 15> kCauses{{{preempted, "preempted", Budget::none},
                                              {time_limit, "time_limit", Budget::none},
                                              {drained, "drained", Budget::none},
                                              {idle, "idle", Budget::none},
                                              {coordinator_lost, "coordinator_lost", Budget::none},
                                              {oom_host, "oom_host", Budget::memory},
                                              {oom_gpu, "oom_gpu", Budget::memory},
                                              {LossCause::signal, "signal", Budget::crash},
                                              {node_lost, "node_lost", Budget::crash},
                                              {heartbeat, "heartbeat", Budget::crash},
                                              {hung, "hung", Budget::crash},
                                              {error, "error", Budget::error},
                                              {numeric, "numeric", Budget::error},
                                              {disk_full, "disk_full", Budget::machine},
                                              {damaged_input, "damaged_input", Budget::input}}};

const CauseEntry& entry_of(LossCause cause) {
  for (const CauseEntry& entry : kCauses) {
    if (entry.cause == cause) return entry;
  }
  throw Error(ErrorKind::internal, "a loss has no cause");
}

}  // namespace

std::string_view to_string(LossCause cause) {
  return entry_of(cause).name;
}

LossCause parse_loss_cause(std::string_view text) {
  for (const CauseEntry& entry : kCauses) {
    if (entry.name == text) return entry.cause;
  }
  throw Error(ErrorKind::invalid_input, "no cause of a loss is called \"" + std::string(text.substr(0, 80)) + "\"");
}

Budget budget_of(LossCause cause) {
  return entry_of(cause).budget;
}

std::vector<LossCause> list_loss_causes() {
  std::vector<LossCause> causes;
  for (const CauseEntry& entry : kCauses) causes.push_back(entry.cause);
  return causes;
}

std::vector<LossCause> causes_that_a_run_tries_again() {
  std::vector<LossCause> causes;
  for (const CauseEntry& entry : kCauses) {
    if (entry.budget == Budget::error || entry.budget == Budget::input || entry.budget == Budget::machine)
      causes.push_back(entry.cause);
  }
  return causes;
}

}  // namespace espalier
