#pragma once

#include <chrono>
#include <filesystem>
#include <system_error>

#include "worker/files/file_supply.h"

namespace espalier {

/// Removes a damaged copy, so that the next request fetches it again. `before`: when the caller began; a newer file is
/// kept, since another rank of the machine has just fetched it.
inline void discard_copy(const FileSupply& supply, const FileName& file, std::filesystem::file_time_type before) {
  constexpr std::chrono::seconds kCoarse{1};  // a file's time may lie somewhat before that of its writing
  std::error_code absent;
  const auto came = std::filesystem::last_write_time(supply.place(file), absent);
  if (!absent && came + kCoarse < before) std::filesystem::remove(supply.place(file), absent);
}

}  // namespace espalier
