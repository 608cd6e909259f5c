#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "worker/machine/awake_time.h"
#include "worker/watch/rank_guard.h"

namespace espalier {

/// The content of a member's heartbeat (MailTag::heartbeat), sent once a second.
std::string encode_heartbeat(const PresentWork& work);
/// None for a malformed text.
PresentWork decode_heartbeat(std::string_view text);

/// When a member must send a heartbeat.
class HeartbeatClock {
 public:
  /// True once a second.
  bool is_due(std::chrono::steady_clock::time_point now);

 private:
  std::chrono::steady_clock::time_point last_{};
};

/// Detects ranks whose heartbeat is overdue. A member's main loop only passes messages, so a missing heartbeat means a
/// stopped process or a swapping host, not a slow job. Time in which the gateway itself was stopped does not count.
class MemberWatch {
 public:
  using Clock = std::chrono::steady_clock;

  /// A limit of 0 detects none.
  MemberWatch(int ranks, std::chrono::duration<double> limit);

  void on_message(int rank, Clock::time_point now);
  void heartbeat(int rank, std::string_view text, Clock::time_point now);
  /// No more heartbeats are expected of it.
  void left(int rank);

  struct Silent {
    int rank = 0;
    std::chrono::duration<double> seconds{0};
    PresentWork work;  ///< of its last heartbeat
  };
  /// The last heartbeat of some member reported a running job.
  bool any_at_work() const;
  /// Call it in every turn of the gateway's loop.
  std::optional<Silent> poll(Clock::time_point now);

 private:
  struct Member {
    Clock::duration last_message{0};
    PresentWork work;
    bool here = true;
  };
  const std::chrono::duration<double> limit_;
  AwakeTime awake_;
  std::vector<Member> members_;  // by rank; 0 is the gateway itself
};

}  // namespace espalier
