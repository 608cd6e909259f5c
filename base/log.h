#pragma once

#include <filesystem>
#include <string_view>

#include <spdlog/spdlog.h>

namespace espalier {

/// Sends spdlog's default logger to `file` (appended, flushed from `info` up) instead of the terminal.
/// Secrets are never logged. Errors: those of open_own_file.
void log_to_file(const std::filesystem::path& file, std::string_view name);

}  // namespace espalier
