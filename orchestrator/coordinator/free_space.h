#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace espalier {

/// Free space that a store needs, in bytes: a commit of the database and a few artifacts.
inline constexpr std::uint64_t kLeastFreeBytes = 32U << 20;
/// Fraction of the machine's memory that must be available to start anything new.
inline constexpr double kLeastMemoryShare = 0.02;

/// Why nothing new should be started: the disk under `folder`, or this machine's memory, is nearly full. "" if there is
/// free space, or if it is unknown.
std::string lack_of_space(const std::filesystem::path& folder);

/// MemAvailable / MemTotal of a text such as /proc/meminfo; 1 if it lacks them.
double memory_left(const std::string& meminfo);

}  // namespace espalier
