#pragma once

#include <filesystem>

#include <SQLiteCpp/Database.h>

namespace espalier {

/// Opens a store's database for reading, also one on a read-only disk. For db's sources only.
/// Errors: ErrorKind::invalid_input if there is none, or one of another version; SQLite::Exception.
SQLite::Database open_read_only(const std::filesystem::path& root);

}  // namespace espalier
