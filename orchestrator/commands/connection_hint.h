#pragma once

#include <cstdint>
#include <string>

namespace espalier {

/// Lines with the commands that reach the coordinator at that address, from this machine and from others.
std::string connection_hint(const std::string& host, int port, std::int64_t pid, const std::string& store);

}  // namespace espalier
