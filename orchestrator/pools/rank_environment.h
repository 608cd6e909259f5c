#pragma once

#include <string>

namespace espalier {

/// The environment that a rank reported, for the database: a JSON object, serialized anew because SQLite's JSON parser
/// is stricter than others. Errors: ErrorKind::corrupt for what is no object, is nested deep, or is long.
std::string checked_environment(const std::string& json);

}  // namespace espalier
