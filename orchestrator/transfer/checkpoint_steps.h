#pragma once

#include <cstdint>
#include <filesystem>

namespace espalier {

/// How many steps of its training are behind a checkpoint, as its header says (docs/artifacts.md); -1 if there is none
/// or it cannot be read. Reads no tensor, and never throws for what the file holds.
std::int64_t checkpoint_steps(const std::filesystem::path& path);

}  // namespace espalier
