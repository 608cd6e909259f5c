#pragma once

#include <cstdint>
#include <string>

namespace espalier {

/// Lines that tell how to talk to the coordinator that listens there, from here and from elsewhere.
std::string connection_hint(const std::string& host, int port, std::int64_t pid, const std::string& store);

}  // namespace espalier
