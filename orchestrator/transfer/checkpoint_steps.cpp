#include "orchestrator/transfer/checkpoint_steps.h"

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "experiments/formats/safetensors.h"

namespace espalier {

std::int64_t checkpoint_steps(const std::filesystem::path& path) {
  try {
    const auto metadata = read_safetensors_metadata(path);
    const auto state = metadata.find("state");
    if (state == metadata.end()) return -1;
    return nlohmann::json::parse(state->second).at("step").get<std::int64_t>();
  } catch (const Error&) {
    return -1;
  } catch (const nlohmann::json::exception&) {
    return -1;
  }
}

}  // namespace espalier
