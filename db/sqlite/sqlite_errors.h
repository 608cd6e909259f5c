#pragma once

#include <filesystem>
#include <utility>

#include <SQLiteCpp/Exception.h>

namespace espalier {

/// The same failure as an espalier::Error that names the database: a full disk or quota, or one with errors, is
/// exhausted, damage corrupt, a locked database unavailable, one that cannot be opened or written invalid_input.
[[noreturn]] void throw_as_error(const SQLite::Exception& failure, const std::filesystem::path& database);

/// Runs `work`; what SQLite throws in it leaves as an espalier::Error.
template <typename Work>
decltype(auto) with_sqlite_errors(const std::filesystem::path& database, Work&& work) {
  try {
    return std::forward<Work>(work)();
  } catch (const SQLite::Exception& failure) {
    throw_as_error(failure, database);
  }
}

}  // namespace espalier
