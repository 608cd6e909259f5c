#include "db/maintenance/store_backup.h"

#include <sqlite3.h>
#include <string>
#include <system_error>
#include <utility>

#include <SQLiteCpp/Backup.h>
#include <SQLiteCpp/SQLiteCpp.h>

#include "base/error.h"
#include "db/sqlite/prepared.h"
#include "db/sqlite/read_only_database.h"
#include "db/sqlite/sqlite_errors.h"
#include "experiments/paths/store_paths.h"

namespace espalier {
namespace {

/// Removes SQLite's files beside an unfinished database.
class JournalsOf {
 public:
  explicit JournalsOf(std::filesystem::path database) : database_(std::move(database)) {}
  ~JournalsOf() {
    for (const char* ending : {"-journal", "-wal", "-shm"}) {
      std::error_code ignored;
      std::filesystem::remove(database_.string() + ending, ignored);
    }
  }
  JournalsOf(const JournalsOf&) = delete;
  JournalsOf& operator=(const JournalsOf&) = delete;

 private:
  std::filesystem::path database_;
};

void check_target(const std::filesystem::path& target, const StorePaths& paths, Overwrite overwrite) {
  check_outputs({target}, {overwrite, paths.root, {}});
  std::error_code ignored;
  // SQLite would take them for the new file's, and corrupt it.
  for (const char* ending : {"-wal", "-journal"}) {
    const std::string beside = target.string() + ending;
    if (!std::filesystem::exists(beside, ignored)) continue;
    throw Error(ErrorKind::invalid_input,
                beside +
                    ": is there, so that a program has the database of that name open, or died over it; close "
                    "it, or name another file");
  }
}

// All pages in one step: in pieces, every commit of the coordinator would restart it, perhaps forever. In WAL mode a
// reader blocks no writer.
void copy_all(SQLite::Database& copy, SQLite::Database& store, const std::filesystem::path& path) {
  const int code = SQLite::Backup(copy, store).executeStep(-1);
  if (code == SQLITE_DONE) return;
  throw Error(ErrorKind::unavailable, path.string() + ": stays locked by another program; try again");
}

void check_copy(const SQLite::Database& copy, const std::filesystem::path& path) {
  std::string found;
  Prepared(copy, "PRAGMA quick_check(1)").each([&](SQLite::Statement& row) { found = row.getColumn(0).getString(); });
  if (found == "ok") return;
  throw Error(ErrorKind::corrupt, path.string() + ": its copy is damaged (" + found +
                                      "), and was not kept; `espalier db check` says what is wrong with the store");
}

}  // namespace

std::uintmax_t back_up_store(const std::filesystem::path& root, const std::filesystem::path& target,
                             Overwrite overwrite) {
  const StorePaths paths{root};
  check_target(target, paths, overwrite);
  OutputFile output(target);
  const JournalsOf journals(output.path());
  auto store = with_sqlite_errors(paths.database(), [&] { return open_read_only(root, SchemaAge::current_or_older); });
  with_sqlite_errors(output.path(), [&] {
    SQLite::Database copy(output.path().string(), SQLite::OPEN_READWRITE);
    copy_all(copy, store, paths.database());
    copy.exec("PRAGMA journal_mode = DELETE");  // the store's own mode came with its pages, and needs files beside it
    with_sqlite_errors(paths.database(), [&] { check_copy(copy, paths.database()); });
  });
  const std::uintmax_t bytes = std::filesystem::file_size(output.path());
  output.put();
  return bytes;
}

}  // namespace espalier
