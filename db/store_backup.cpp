#include "db/store_backup.h"

#include <sqlite3.h>
#include <string>
#include <system_error>
#include <unistd.h>

#include <SQLiteCpp/Backup.h>
#include <SQLiteCpp/SQLiteCpp.h>

#include "base/error.h"
#include "base/files.h"
#include "db/prepared.h"
#include "db/read_only_database.h"
#include "db/sqlite_errors.h"
#include "experiments/store_paths.h"

namespace espalier {
namespace {

/// A database under a temporary name, gone with its journals unless it was put in place.
class Draft {
 public:
  explicit Draft(const std::filesystem::path& target) : path_(target.string() + ".tmp" + std::to_string(::getpid())) {
    remove();
  }
  ~Draft() { remove(); }
  Draft(const Draft&) = delete;
  Draft& operator=(const Draft&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  void remove() const {
    for (const char* ending : {"", "-journal", "-wal", "-shm"}) {
      std::error_code ignored;
      std::filesystem::remove(path_.string() + ending, ignored);
    }
  }
  std::filesystem::path path_;
};

void check_target(const std::filesystem::path& target, const StorePaths& paths, Overwrite overwrite) {
  std::error_code ignored;
  if (std::filesystem::equivalent(target, paths.database(), ignored)) {
    throw Error(ErrorKind::invalid_input,
                target.string() + ": is the store's own database; name another file for its backup");
  }
  if (std::filesystem::is_directory(target, ignored)) {
    throw Error(ErrorKind::invalid_input, target.string() + ": is a folder; name the file to write");
  }
  if (overwrite == Overwrite::refuse && std::filesystem::exists(target, ignored)) {
    throw Error(ErrorKind::invalid_input,
                target.string() + ": is there already; name another file, or give --force to replace it");
  }
  // They would be taken for the new file's, and spoil it.
  for (const char* ending : {"-wal", "-journal"}) {
    const std::string beside = target.string() + ending;
    if (!std::filesystem::exists(beside, ignored)) continue;
    throw Error(ErrorKind::invalid_input,
                beside +
                    ": is there, so that a program has the database of that name open, or died over it; close "
                    "it, or name another file");
  }
}

// All pages in one step: in pieces, every commit of the coordinator would make it begin again, and it might never end.
// In the write-ahead log's mode a reader keeps no writer waiting.
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
  const Draft draft(target);
  auto store = with_sqlite_errors(paths.database(), [&] { return open_read_only(root, SchemaAge::current_or_older); });
  with_sqlite_errors(draft.path(), [&] {
    SQLite::Database copy(draft.path().string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    copy_all(copy, store, paths.database());
    copy.exec("PRAGMA journal_mode = DELETE");  // the store's own mode came with its pages, and needs files beside it
    with_sqlite_errors(paths.database(), [&] { check_copy(copy, paths.database()); });
  });
  put_in_place(draft.path(), target);
  return std::filesystem::file_size(target);
}

}  // namespace espalier
