#pragma once

#include <filesystem>

namespace espalier {

/// The target of symbolic links, also if it does not exist yet. Errors: ErrorKind::invalid_input if
/// they lead in a circle.
std::filesystem::path follow_links(const std::filesystem::path& named);

/// Where symbolic links lead, also if nothing is there yet, and without links in its folders either, as far as they are
/// there; as it was named if that is unknown. Errors: ErrorKind::invalid_input for links that lead in a circle.
std::filesystem::path plain_path(const std::filesystem::path& named);

/// The store that a plain_path lies in: `own` ("" for none) or any folder above it that holds one; "" if in none.
std::filesystem::path store_around(const std::filesystem::path& path, const std::filesystem::path& own = {});

}  // namespace espalier
