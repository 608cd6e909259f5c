#include "orchestrator/sweeps/retry_failures.h"

#include <algorithm>
#include <cctype>
#include <limits>
#include <set>

#include "analysis/failures/failure_signature.h"
#include "db/read/store_reader.h"

namespace espalier {
namespace {

std::string in_lower_case(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

bool begins_with_one_of(const std::string& key, const std::vector<std::string>& beginnings) {
  return beginnings.empty() ||
         std::ranges::any_of(beginnings, [&](const std::string& digits) { return key.starts_with(digits); });
}

}  // namespace

std::int64_t retry_failures(Store& store, SweepId sweep, const std::string& label, const RetryRequest& request) {
  FailureFilter filter{request.causes, request.stages};
  if (!request.signature.empty()) {
    const std::string wanted = in_lower_case(request.signature);
    std::set<std::string> keys;
    const StoreReader reader(store.paths().root);
    for (const ChargedFailureRow& failure : reader.charged_failures(label, std::numeric_limits<std::int64_t>::max())) {
      const bool fits = failure.state == "failed" && begins_with_one_of(failure.key, request.stages) &&
                        in_lower_case(failure_signature(failure)).find(wanted) != std::string::npos;
      if (fits) keys.insert(failure.key);
    }
    if (keys.empty()) return 0;
    filter.stages.assign(keys.begin(), keys.end());
  }
  return store.forget_failures(sweep, filter);
}

}  // namespace espalier
