#pragma once

#include <filesystem>
#include <iosfwd>
#include <vector>

namespace espalier {

/// The stream for a command's messages about files it wrote: standard output, or standard error if standard output is
/// one of those files.
std::ostream& message_stream(const std::vector<std::filesystem::path>& outputs);

}  // namespace espalier
