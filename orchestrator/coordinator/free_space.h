#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace espalier {

/// What a store must have left, in bytes: a commit of the database and a few artifacts.
inline constexpr std::uint64_t kLeastFreeBytes = 32U << 20;
/// Where less memory than this part of the machine's is left, nothing new is started.
inline constexpr double kLeastMemoryShare = 0.02;

/// Why nothing new should be started: the disk under `folder`, or this machine's memory, is nearly full. "" if there is
/// room, or if it cannot be told.
std::string lack_of_space(const std::filesystem::path& folder);

/// MemAvailable / MemTotal of a text such as /proc/meminfo; 1 if it does not say.
double memory_left(const std::string& meminfo);

}  // namespace espalier
