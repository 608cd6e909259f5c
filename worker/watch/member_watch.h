#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "worker/machine/awake_time.h"
#include "worker/watch/rank_guard.h"

namespace espalier {

/// A member's sign of life, a second apart: what it says in MailTag::heartbeat.
std::string encode_heartbeat(const PresentWork& work);
/// Nothing, for text that is none.
PresentWork decode_heartbeat(std::string_view text);

/// When a member is to say something.
class HeartbeatClock {
 public:
  /// True once a second.
  bool is_due(std::chrono::steady_clock::time_point now);

 private:
  std::chrono::steady_clock::time_point last_{};
};

/// The gateway's ear: which member has been silent for too long. Its main loop only passes messages on, so its silence
/// means that the process was stopped, or the machine is out of breath; not that its job is slow. Time in which the
/// gateway itself was stopped does not count.
class MemberWatch {
 public:
  using Clock = std::chrono::steady_clock;

  /// A limit of 0 misses nobody.
  MemberWatch(int ranks, std::chrono::duration<double> limit);

  void heard(int rank, Clock::time_point now);
  void heartbeat(int rank, std::string_view text, Clock::time_point now);
  /// It is expected to be silent from now on.
  void left(int rank);

  struct Silent {
    int rank = 0;
    std::chrono::duration<double> seconds{0};
    PresentWork work;  ///< the last that it told
  };
  /// Somebody told last that a job of theirs runs.
  bool any_at_work() const;
  /// In every turn of the gateway's loop.
  std::optional<Silent> look(Clock::time_point now);

 private:
  struct Member {
    Clock::duration heard{0};
    PresentWork work;
    bool here = true;
  };
  const std::chrono::duration<double> limit_;
  AwakeTime awake_;
  std::vector<Member> members_;  // by rank; 0 is the gateway itself
};

}  // namespace espalier
