#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "cluster/protocol/protocol.h"
#include "worker/comm/gang_communicators.h"
#include "worker/comm/gang_note.h"
#include "worker/comm/mailbox.h"
#include "worker/data_parallel/gang.h"
#include "worker/machine/pulse.h"

namespace espalier {

/// Where this rank's compute thread hands in the sums that it needs, and its main thread, which alone may call MPI,
/// sees to them. A gang begins when the compute threads of all its members have joined: then the leader says go.
class GangService {
 public:
  /// `nudge` wakes the main thread; called from the compute thread, in join, leave and sums.
  GangService(Mailbox& mailbox, std::function<void()> nudge);

  // The compute thread.
  /// Joins the job's gang. Whoever waits for a sum waits for the other members too, and beats meanwhile: who waits for
  /// others does not hang.
  std::unique_ptr<Gang> join(const RunJob& job, Pulse* pulse);
  /// After the job. `failed`: it failed here, which the others are told, unless they told us.
  void leave(const std::optional<StageOutcome>& failed);

  // Any thread; the main thread's next turn sends it.
  /// This rank will not run the job: the other members need not wait for it.
  void decline(const RunJob& job, const JobEnded& why);
  /// If the gang of that attempt has not begun: the leader gives it up, and another member asks the leader whether it
  /// may.
  void stop_waiting(const JobEnded& why);
  /// To a rank that waits for this one to lead that attempt: it will not.
  void refuse(int rank, const JobEnded& why);

  // The main thread.
  void on_ready(int rank, const GangNote& note);
  void on_go(const GangNote& note);
  /// Only of an attempt that runs, or is about to join.
  void on_broken(int rank, const GangNote& note);
  /// There will be no more turns: who waits, now or later, waits in vain.
  void close();
  /// In every turn of its loop. True while a sum is under way: then turns should follow each other closely.
  bool turn();

 private:
  friend class DeskGang;
  struct Run {
    RunJob job;
    bool announced = false;
    bool connected = false;
    bool broken = false;
    std::optional<Failure> failure = {};  ///< why it is broken
    Gang::Ticket last = 0;
    std::vector<GangCommunicators::Sum> asked = {};  ///< to be begun
    std::set<Gang::Ticket> finished = {};            ///< and not waited for yet
  };

  Gang::Ticket ask(std::shared_ptr<void> values, std::size_t count, bool is_double);
  void wait(Gang::Ticket ticket, Pulse* pulse);
  void give_up();
  void break_up(const JobEnded& why);
  void announce();
  void go_if_all_are_ready();
  std::vector<GangCommunicators::Sum> take_asked();
  void tell_others(const RunJob& job, GangNote note);

  Mailbox& mailbox_;
  const std::function<void()> nudge_;
  std::mutex lines_mutex_;  // taken first; held while MPI adds, when the compute thread may ask for more
  GangCommunicators lines_;
  std::mutex mutex_;  // of everything below
  std::condition_variable changed_;
  std::optional<Run> run_;
  bool closed_ = false;
  std::map<std::uint64_t, std::optional<Failure>> broken_;  // attempts that were broken before they joined, and why
  std::map<std::uint64_t, std::map<int, std::uint64_t>> ready_;  // by attempt that this rank leads: line by rank
  std::vector<std::pair<int, GangNote>> outbox_;
};

}  // namespace espalier
