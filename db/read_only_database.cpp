#include "db/read_only_database.h"

#include <cstdio>
#include <sqlite3.h>
#include <string>

#include <SQLiteCpp/SQLiteCpp.h>

#include "base/error.h"
#include "db/migrations.h"
#include "db/value_limits.h"
#include "experiments/store_paths.h"

namespace espalier {
namespace {

constexpr int kBusyTimeoutMs = 10000;

/// `file:/path?immutable=1`, with the bytes that mean something in a URI escaped.
std::string immutable_uri(const std::filesystem::path& path) {
  std::string uri = "file:";
  for (const char c : std::filesystem::absolute(path).string()) {
    if (c == '?' || c == '#' || c == '%') {
      char escaped[4];
      std::snprintf(escaped, sizeof escaped, "%%%02X", static_cast<unsigned>(static_cast<unsigned char>(c)));
      uri += escaped;
    } else {
      uri += c;
    }
  }
  return uri + "?immutable=1";
}

void check_version(const SQLite::Database& database, const std::filesystem::path& path) {
  const int version = checked_version(database, path);
  if (version == schema_version()) return;
  throw Error(ErrorKind::invalid_input, path.string() + ": its schema has version " + std::to_string(version) +
                                            ", this program reads " + std::to_string(schema_version()) +
                                            "; `espalier run` with this --store updates it");
}

}  // namespace

SQLite::Database open_read_only(const std::filesystem::path& root) {
  const std::filesystem::path path = StorePaths{root}.database();
  if (!std::filesystem::exists(path)) {
    throw Error(ErrorKind::invalid_input,
                root.string() +
                    ": no store is here (espalier.db is missing); name another --store, or make "
                    "one with `espalier run SWEEP.yaml --store " +
                    root.string() + "`");
  }
  try {
    SQLite::Database database(path.string(), SQLite::OPEN_READONLY, kBusyTimeoutMs);
    limit_values(database);
    check_version(database, path);
    return database;
  } catch (const SQLite::Exception& failure) {
    // In a folder where SQLite cannot make its shared memory nobody writes either: the file alone is the whole
    // database.
    const int code = failure.getErrorCode() & 0xff;
    const bool has_log = std::filesystem::exists(path.string() + "-wal");
    if (has_log || (code != SQLITE_CANTOPEN && code != SQLITE_READONLY)) throw;
  }
  SQLite::Database database(immutable_uri(path), SQLite::OPEN_READONLY | SQLite::OPEN_URI, kBusyTimeoutMs);
  limit_values(database);
  check_version(database, path);
  return database;
}

}  // namespace espalier
