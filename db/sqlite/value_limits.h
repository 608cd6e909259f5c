#pragma once

#include <cstdint>

#include <SQLiteCpp/Database.h>

namespace espalier {

inline constexpr int kLargestValue = 64 << 20;         // bytes of a text or blob, or of a whole row
inline constexpr std::int64_t kMostRows = 10'000'000;  // of one query

/// A store's file may come from an untrusted source. Reading a value above kLargestValue from this connection
/// fails (SQLITE_TOOBIG, which becomes ErrorKind::corrupt) instead of exhausting memory. For db's sources only.
void limit_values(SQLite::Database& database);

}  // namespace espalier
