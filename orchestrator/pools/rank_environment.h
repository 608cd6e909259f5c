#pragma once

#include <string>

namespace espalier {

/// The environment that a rank reported, as the database takes it: a JSON object in our own words, since SQLite reads
/// JSON more strictly than whoever wrote it may have. Errors: ErrorKind::corrupt for what is no object, is nested deep,
/// or is long.
std::string checked_environment(const std::string& json);

}  // namespace espalier
