#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace espalier {

/// A message between the members of a gang (MailTag::gang), about one attempt:
///   call      leader -> member: the job, in case the coordinator's command was lost
///   ready     member -> leader: my compute thread waits for the others; which communicator of them I have
///   go        leader -> member: all are ready; the communicator to use
///   broken    any -> all others: I do not, or no longer, take part, and why
///   withdraw  member -> leader: I got a stop; unless you have sent go, send broken
struct GangNote {
  enum class Kind : int { call = 0, ready = 1, go = 2, broken = 3, withdraw = 4 } kind = Kind::call;
  std::uint64_t attempt = 0;
  std::uint64_t communicator = 0;  ///< number of the communicator (gang_communicators.h); ready: 0 for none
  std::string bytes = {};  ///< call: encoded RankCommands; broken: encoded RankReports, which it would have sent
};

std::string encode(const GangNote& note);
/// Errors: ErrorKind::corrupt.
GangNote decode_gang_note(std::string_view bytes);

}  // namespace espalier
