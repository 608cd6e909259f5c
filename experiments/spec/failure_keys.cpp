#include "experiments/spec/failure_keys.h"

namespace espalier {
namespace {

void apply(const FailureKeys& keys, FailurePolicy& policy) {
  policy.crashes = keys.crashes.value_or(policy.crashes);
  policy.errors = keys.errors.value_or(policy.errors);
  policy.out_of_memory = keys.out_of_memory.value_or(policy.out_of_memory);
  policy.without_progress = keys.without_progress.value_or(policy.without_progress);
  policy.node_crashes = keys.node_crashes.value_or(policy.node_crashes);
  if (keys.max_failures) policy.max_failures = keys.max_failures;
}

}  // namespace

FailurePolicy make_failure_policy(const FailureKeys& sweep, const FailureKeys& store) {
  FailurePolicy policy;
  apply(store, policy);
  apply(sweep, policy);
  return policy;
}

}  // namespace espalier
