#pragma once

#include <cstdint>
#include <filesystem>

namespace espalier {

/// The training step of a checkpoint, from its header (docs/artifacts.md); -1 if there is none or it cannot be read.
/// Reads no tensor, and never throws for the file's content.
std::int64_t checkpoint_steps(const std::filesystem::path& path);

}  // namespace espalier
