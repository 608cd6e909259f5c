#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "db/write/store.h"
#include "experiments/stages/loss_cause.h"

namespace espalier {

/// Which failures of a sweep are to be tried again: those that fit every list; an empty one admits all.
struct RetryRequest {
  std::vector<LossCause> causes;
  std::vector<std::string> stages;  ///< the first digits of keys, in lower case
  std::string signature;  ///< a part of the signature (analysis/failures/failure_signature.h), in any case; "" for any
};

/// Forgets the failures of the sweep that fit, and says how many stages wait again. `label` is the sweep's.
/// Errors: those of Store and StoreReader.
std::int64_t retry_failures(Store& store, SweepId sweep, const std::string& label, const RetryRequest& request);

}  // namespace espalier
