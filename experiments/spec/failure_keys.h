#pragma once

#include <cstdint>
#include <optional>

#include "experiments/spec/failure_policy.h"

namespace espalier {

/// The keys of an `on_failure` map that were given; what each means, FailurePolicy says.
struct FailureKeys {
  std::optional<std::int64_t> crashes, errors, out_of_memory, without_progress, node_crashes, max_failures;
};

/// Key by key: what the sweep gives, else what the store's configuration gives, else the default.
FailurePolicy make_failure_policy(const FailureKeys& sweep, const FailureKeys& store);

}  // namespace espalier
