#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace espalier {

/// What the members of a gang write to each other (MailTag::gang), about one attempt:
///   call      leader -> member: the job, in case the coordinator's own word was lost on the way
///   ready     member -> leader: my compute thread waits for the others; and which line to them I have
///   go        leader -> member: all are ready; the line to use
///   broken    any -> all others: I am not, or no longer, part of it, and why
///   withdraw  member -> leader: I was told to stop; unless you said go, say broken
struct GangNote {
  enum class Kind : int { call = 0, ready = 1, go = 2, broken = 3, withdraw = 4 } kind = Kind::call;
  std::uint64_t attempt = 0;
  std::uint64_t line = 0;  ///< its number (gang_lines.h); ready: 0 for none
  std::string bytes = {};  ///< call: encoded RankCommands; broken: encoded RankReports, what it would have reported
};

std::string encode(const GangNote& note);
/// Errors: ErrorKind::corrupt.
GangNote decode_gang_note(std::string_view bytes);

}  // namespace espalier
