#pragma once

#include <cstdint>
#include <optional>

namespace espalier {

/// How much a sweep puts up with: the key `on_failure` of a sweep, or of the store's config.yaml. A job that fails this
/// many times in one way is quarantined: it is not run any more, and what depends on it is blocked.
struct FailurePolicy {
  std::int64_t crashes = 3;           ///< its worker died or had to be killed
  std::int64_t errors = 1;            ///< reported by the stage
  std::int64_t out_of_memory = 2;     ///< it did not fit; after the first time it runs with a pool to itself
  std::int64_t without_progress = 5;  ///< attempts in a row that were interrupted before their first new checkpoint
  std::int64_t node_crashes = 3;      ///< different jobs that crash on one node set the node aside for a while
  std::optional<std::int64_t> max_failures;  ///< the sweep stops when more jobs than this are quarantined
};

}  // namespace espalier
