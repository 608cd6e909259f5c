#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "db/write/store.h"
#include "experiments/stages/loss_cause.h"

namespace espalier {

/// Which failures of a sweep are to be retried: those that match every list; an empty list matches all.
struct RetryRequest {
  std::vector<LossCause> causes;
  std::vector<std::string> stages;  ///< the first digits of keys, in lower case
  std::string signature;  ///< a part of the signature (analysis/failures/failure_signature.h), in any case; "" for any
};

/// Removes the matching failures of the sweep; returns how many stages are open again. `label` is the sweep's.
/// Errors: those of Store and StoreReader.
std::int64_t retry_failures(Store& store, SweepId sweep, const std::string& label, const RetryRequest& request);

}  // namespace espalier
