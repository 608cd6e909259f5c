#pragma once

#include <filesystem>

#include <SQLiteCpp/Database.h>

namespace espalier {

/// Errors: ErrorKind::invalid_input, with what to do, if no store is in the folder.
void check_store_is_there(const std::filesystem::path& root);

enum class SchemaAge { current, current_or_older };

/// Opens a store's database for reading, also one on a read-only disk. For db's sources only.
/// Errors: ErrorKind::invalid_input if there is none, or one of another version than `age` admits;
/// ErrorKind::unavailable if a commit was cut short that only a writer can undo; SQLite::Exception.
SQLite::Database open_read_only(const std::filesystem::path& root, SchemaAge age = SchemaAge::current);

}  // namespace espalier
