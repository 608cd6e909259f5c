#pragma once

#include <cstdint>
#include <string>

namespace espalier {

/// Lines that tell how to talk to the coordinator that listens there, from here and from elsewhere.
std::string how_to_reach(const std::string& host, int port, std::int64_t pid, const std::string& store);

}  // namespace espalier
