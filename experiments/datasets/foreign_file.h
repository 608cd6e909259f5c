#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace espalier {

/// What a file is that was meant to be something else, and what to do, by its first bytes: `a Git LFS pointer;
/// fetch the file itself with git lfs pull`. "" for what is not known here: a damaged file, say.
std::string foreign_kind(std::string_view begin);

/// The same of a file; "" also where it cannot be read.
std::string foreign_kind_of(const std::filesystem::path& path);

}  // namespace espalier
