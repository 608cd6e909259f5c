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

/// Passes the sums that this rank's compute thread requests to its main thread, which alone may call MPI. A gang begins
/// when the compute threads of all its members have joined: then the leader sends go.
class GangService {
 public:
  /// `nudge` wakes the main thread; called from the compute thread, in join, leave and sums.
  GangService(Mailbox& mailbox, std::function<void()> nudge);

  // The compute thread.
  /// Joins the job's gang. A wait for a sum also waits for the other members, and beats the pulse meanwhile, so that it
  /// does not count as a hang.
  std::unique_ptr<Gang> join(const RunJob& job, Pulse* pulse);
  /// Call it after the job. `failed`: if this rank failed first, notifies the other members.
  void leave(const std::optional<StageOutcome>& failed);

  // Any thread; the main thread's next turn sends it.
  /// This rank will not run the job: notifies the other members, so that they do not wait.
  void decline(const RunJob& job, const JobEnded& why);
  /// If the gang of that attempt has not begun: the leader gives it up; another member asks the leader whether it may.
  void stop_waiting(const JobEnded& why);
  /// Notifies a rank that waits for this leader that it will not run that attempt.
  void refuse(int rank, const JobEnded& why);

  // The main thread.
  void on_ready(int rank, const GangNote& note);
  void on_go(const GangNote& note);
  /// Only for an attempt that runs or is about to join.
  void on_broken(int rank, const GangNote& note);
  /// Shuts down; pending and future waits throw GangBroken.
  void close();
  /// Call it in every turn of the loop. True while a sum is in progress: then call it again soon.
  bool turn();

 private:
  friend class ServiceGang;
  struct Run {
    RunJob job;
    bool announced = false;
    bool connected = false;
    bool broken = false;
    std::optional<Failure> failure = {};  ///< why it is broken
    Gang::Ticket last = 0;
    std::vector<GangCommunicators::Sum> asked = {};  ///< not begun yet
    std::set<Gang::Ticket> finished = {};            ///< completed, not waited for yet
  };

  Gang::Ticket ask(std::shared_ptr<void> values, std::size_t count, bool is_double);
  void wait(Gang::Ticket ticket, Pulse* pulse);
  void give_up();
  void break_up(const JobEnded& why);
  void announce();
  void go_if_all_are_ready();
  std::vector<GangCommunicators::Sum> take_asked();
  void notify_members(const RunJob& job, GangNote note);

  Mailbox& mailbox_;
  const std::function<void()> nudge_;
  std::mutex
      communicators_mutex_;  // taken first; held during MPI calls, while the compute thread may request more sums
  GangCommunicators communicators_;
  std::mutex mutex_;  // of everything below
  std::condition_variable changed_;
  std::optional<Run> run_;
  bool closed_ = false;
  std::map<std::uint64_t, std::optional<Failure>> broken_;  // attempts broken before they joined, and why
  std::map<std::uint64_t, std::map<int, std::uint64_t>>
      ready_;  // by attempt that this rank leads: communicator number by rank
  std::vector<std::pair<int, GangNote>> outbox_;
};

}  // namespace espalier
