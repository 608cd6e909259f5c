#include "orchestrator/checkpoint_steps.h"

#include <fstream>
#include <string>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "experiments/safetensors_header.h"

namespace espalier {
namespace {

constexpr std::uint64_t kLargestHeader = 100'000'000;  // the format's own limit

/// "" if there is none.
std::string header_text(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::uint64_t length = 0;
  file.read(reinterpret_cast<char*>(&length), sizeof length);
  std::error_code absent;
  const std::uintmax_t there = std::filesystem::file_size(path, absent);
  if (!file || absent || length > kLargestHeader || length > there) return "";
  std::string text(static_cast<std::size_t>(length), '\0');
  file.read(text.data(), static_cast<std::streamsize>(length));
  return file ? text : "";
}

}  // namespace

std::int64_t checkpoint_steps(const std::filesystem::path& path) {
  try {
    const SafetensorsHeader header = parse_safetensors_header(header_text(path));
    const auto state = header.metadata.find("state");
    if (state == header.metadata.end()) return -1;
    return nlohmann::json::parse(state->second).at("step").get<std::int64_t>();
  } catch (const Error&) {
    return -1;
  } catch (const nlohmann::json::exception&) {
    return -1;
  }
}

}  // namespace espalier
