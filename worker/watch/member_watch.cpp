#include "worker/watch/member_watch.h"

#include <algorithm>
#include <charconv>

#include "base/error.h"

namespace espalier {

std::string encode_heartbeat(const PresentWork& work) {
  return std::to_string(work.attempt) + " " + (work.stage ? to_hex(*work.stage) : "-");
}

PresentWork decode_heartbeat(std::string_view text) {
  PresentWork work;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), work.attempt);
  const std::string stage(end, text.data() + text.size());
  if (error != std::errc() || stage.size() < 2 || stage.front() != ' ') return {};
  try {
    if (stage != " -") work.stage = stage_key_from_hex(stage.substr(1));
  } catch (const Error&) {
    return {};
  }
  return work;
}

bool HeartbeatClock::is_due(std::chrono::steady_clock::time_point now) {
  if (now - last_ < std::chrono::seconds(1)) return false;
  last_ = now;
  return true;
}

MemberWatch::MemberWatch(int ranks, std::chrono::duration<double> limit)
    : limit_(limit), members_(static_cast<std::size_t>(ranks)) {
  members_.at(0).here = false;
}

void MemberWatch::on_message(int rank, Clock::time_point now) {
  members_.at(static_cast<std::size_t>(rank)).last_message = awake_.at(now);
}

void MemberWatch::heartbeat(int rank, std::string_view text, Clock::time_point now) {
  on_message(rank, now);
  members_.at(static_cast<std::size_t>(rank)).work = decode_heartbeat(text);
}

void MemberWatch::left(int rank) {
  members_.at(static_cast<std::size_t>(rank)).here = false;
}

std::optional<MemberWatch::Silent> MemberWatch::poll(Clock::time_point now) {
  const Clock::duration awake = awake_.at(now);
  if (limit_.count() <= 0) return std::nullopt;
  for (std::size_t rank = 0; rank < members_.size(); ++rank) {
    const Member& member = members_[rank];
    if (member.here && awake - member.last_message >= limit_)
      return Silent{static_cast<int>(rank), awake - member.last_message, member.work};
  }
  return std::nullopt;
}

bool MemberWatch::any_at_work() const {
  return std::any_of(members_.begin(), members_.end(), [](const Member& member) { return member.work.attempt != 0; });
}

}  // namespace espalier
