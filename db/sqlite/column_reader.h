#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>

#include <SQLiteCpp/SQLiteCpp.h>

#include "base/utf8.h"

namespace espalier {

/// Takes the columns of a row from left to right: `ColumnReader(row) >> name >> count >> mean;`
/// NULL leaves an optional empty and makes a text "" and a number 0. Texts are UTF-8, whatever the file holds: they go
/// into JSON. For db's sources only.
class ColumnReader {
 public:
  explicit ColumnReader(SQLite::Statement& row) : row_(row) {}

  template <typename Value>
  ColumnReader& operator>>(Value& value) {
    const SQLite::Column column = row_.getColumn(next_++);
    if constexpr (std::is_same_v<Value, std::string>) {
      value = to_utf8(column.getString());
    } else if constexpr (std::is_same_v<Value, bool>) {
      value = column.getInt() != 0;
    } else if constexpr (std::is_integral_v<Value>) {
      value = static_cast<Value>(column.getInt64());
    } else {
      value = column.getDouble();
    }
    return *this;
  }
  template <typename Value>
  ColumnReader& operator>>(std::optional<Value>& value) {
    value.reset();
    if (row_.getColumn(next_).isNull()) {
      ++next_;
      return *this;
    }
    return *this >> value.emplace();
  }

 private:
  SQLite::Statement& row_;
  int next_ = 0;
};

}  // namespace espalier
