#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/fuzz/target.h"

namespace espalier {

/// An input that a target did not treat as it promises.
struct FuzzFinding {
  std::uint64_t number = 0;
  std::string what;   ///< which promise, and by how much it was missed
  std::string input;  ///< escaped, its first bytes
};

struct FuzzSummary {
  std::uint64_t inputs = 0;
  std::uint64_t accepted = 0;
  double seconds = 0;          ///< of the target's own time on a core
  double slowest_seconds = 0;  ///< one input
  std::uint64_t slowest = 0;   ///< its number
  std::size_t most_held = 0;   ///< bytes, by one input
  std::uint64_t most_held_by = 0;
  std::vector<FuzzFinding> findings;  ///< at most 20; the run ends there
};

/// Hands the target the inputs first, first + 1, ... of the run of `seed`. A finding is an input that makes it throw
/// anything but an Error of a promised kind, hold more memory than it promises, or take longer than two seconds, or six
/// under a sanitizer. A crash or ten seconds on one input end the process, after a line on stderr that says how to get
/// there again.
FuzzSummary fuzz(const FuzzTarget& target, std::uint64_t seed, std::uint64_t first, std::uint64_t count);

/// The command that hands a target one input of a run.
std::string replay_command(const FuzzTarget& target, std::uint64_t seed, std::uint64_t number);

/// Printable ASCII, the rest as \xNN.
std::string escaped(std::string_view bytes, std::size_t most);

}  // namespace espalier
