#include "orchestrator/pools/rank_environment.h"

#include <nlohmann/json.hpp>

#include "base/error.h"

namespace espalier {

std::string checked_environment(const std::string& json) {
  constexpr std::size_t kLongest = 64U << 10;
  constexpr int kDeepest = 100;
  if (json.size() > kLongest) throw Error(ErrorKind::corrupt, "a rank's environment is absurdly long");
  bool too_deep = false;
  const auto check_depth = [&](int depth, nlohmann::json::parse_event_t, nlohmann::json&) {
    too_deep = too_deep || depth > kDeepest;
    return true;
  };
  const nlohmann::json environment = nlohmann::json::parse(json, check_depth, false);
  if (!environment.is_object() || too_deep)
    throw Error(ErrorKind::corrupt, "a rank's environment is not a JSON object");
  return environment.dump();
}

}  // namespace espalier
