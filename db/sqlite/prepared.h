#pragma once

#include <cstdint>
#include <optional>
#include <sqlite3.h>
#include <string>
#include <type_traits>
#include <utility>

#include <SQLiteCpp/SQLiteCpp.h>

#include "db/sqlite/value_limits.h"

namespace espalier {

/// An SQL statement, prepared once, that is bound, run and reset in one call: no half-read statement keeps an old
/// snapshot (and so the write-ahead log) alive. NaN and an empty optional become NULL. For db's sources only. Errors:
/// SQLite::Exception, from all of it.
class Prepared {
 public:
  Prepared(const SQLite::Database& database, const std::string& sql) : database_(database), statement_(database, sql) {}

  /// The number of rows changed.
  template <typename... Values>
  int run(const Values&... values) {
    const Reset reset{statement_};
    bind_all(values...);
    return statement_.exec();
  }

  /// The rowid of the row that was inserted. RETURNING would make a table of its own for it each time.
  template <typename... Values>
  std::int64_t insert(const Values&... values) {
    run(values...);
    return database_.getLastInsertRowid();
  }

  /// Hands each row, as an SQLite::Statement to take columns from, to `read`; above kMostRows it fails, as for a view
  /// that was made endless.
  template <typename Read, typename... Values>
  void each(Read&& read, const Values&... values) {
    const Reset reset{statement_};
    bind_all(values...);
    for (std::int64_t rows = 0; statement_.executeStep(); ++rows) {
      if (rows == kMostRows) throw SQLite::Exception("a query has more rows than a store can have", SQLITE_TOOBIG);
      read(statement_);
    }
  }

  /// The first column of the first row; none if there is no row.
  template <typename... Values>
  std::optional<std::int64_t> integer(const Values&... values) {
    const Reset reset{statement_};
    bind_all(values...);
    if (!statement_.executeStep()) return std::nullopt;
    return statement_.getColumn(0).getInt64();
  }

 private:
  struct Reset {
    SQLite::Statement& statement;
    ~Reset() { statement.tryReset(); }  // its failure repeats the one that was thrown already
  };

  template <typename... Values>
  void bind_all(const Values&... values) {
    int index = 0;
    (bind(++index, values), ...);
  }

  template <typename Number>
  void bind(int index, const Number& number) {
    if constexpr (std::is_floating_point_v<Number>) {
      statement_.bind(index, static_cast<double>(number));
    } else {
      statement_.bind(index, static_cast<std::int64_t>(number));  // SQLite has no unsigned 64 bits
    }
  }
  template <typename Value>
  void bind(int index, const std::optional<Value>& value) {
    value ? bind(index, *value) : statement_.bind(index);
  }
  void bind(int index, const std::string& value) { statement_.bindNoCopy(index, value); }

  const SQLite::Database& database_;
  SQLite::Statement statement_;
};

}  // namespace espalier
