#include "db/sqlite/sqlite_errors.h"

#include <sqlite3.h>
#include <string>

#include "base/error.h"
#include "db/sqlite/refused_change.h"

namespace espalier {
namespace {

struct Meaning {
  ErrorKind kind;
  const char* advice;
};

Meaning meaning_of(int primary, int extended) {
  constexpr Meaning kFull{ErrorKind::exhausted,
                          "; free some space (or raise the quota), then run the same command again"};
  switch (primary) {
    case SQLITE_FULL:
      return kFull;
    case SQLITE_IOERR:
      // A quota (EDQUOT) or a file size limit arrives as a failed write, not as SQLITE_FULL.
      if (extended == SQLITE_IOERR_WRITE || extended == SQLITE_IOERR_SHMSIZE || extended == SQLITE_IOERR_TRUNCATE)
        return kFull;
      return {ErrorKind::exhausted,
              "; the disk or the network filesystem under it reports errors: check it, and copy the store elsewhere"};
    case SQLITE_NOMEM:
      return {ErrorKind::exhausted, "; memory ran out"};
    case SQLITE_TOOBIG:
      return {ErrorKind::corrupt, "; it holds a value larger than we ever write, so another program did"};
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return {ErrorKind::corrupt,
              "; restore a backup (docs/maintenance.md), rescue it with `sqlite3 espalier.db .recover`, or move the "
              "store away"};
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
      return {ErrorKind::unavailable,
              "; another program holds it (a sqlite3 shell in a transaction?): let go and try again"};
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return {ErrorKind::invalid_input, "; check that the folder exists and may be written, or choose another --store"};
    default:
      return {ErrorKind::internal, ""};
  }
}

}  // namespace

void throw_as_error(const SQLite::Exception& failure, const std::filesystem::path& database) {
  const int extended = failure.getExtendedErrorCode();
  const int primary = failure.getErrorCode() & 0xff;
  if (primary == SQLITE_CONSTRAINT || primary == SQLITE_MISMATCH) {
    throw RefusedChange(database.string() + ": " + failure.what());
  }
  const Meaning meaning = meaning_of(primary, extended);
  throw Error(meaning.kind, database.string() + ": " + failure.what() + meaning.advice);
}

}  // namespace espalier
