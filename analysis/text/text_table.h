#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace espalier {

/// Rows of text under titles, to be laid out for a terminal, Markdown or a spreadsheet.
class TextTable {
 public:
  struct Column {
    std::string title;
    bool is_right = false;  ///< numbers: aligned right
  };

  explicit TextTable(std::vector<Column> columns);

  /// As many cells as columns.
  void add_row(std::vector<std::string> cells);
  /// An empty line before the next row (terminal only).
  void add_gap();
  bool is_empty() const { return rows_.empty(); }

  // Columns without any text are left out of what people read.

  /// Aligned columns two spaces apart, titles underlined, each line after `indent` spaces.
  std::string to_text(std::size_t indent = 0) const;
  std::string to_markdown() const;
  /// RFC 4180, with titles.
  std::string to_csv() const;

 private:
  std::vector<std::size_t> widths() const;

  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;  // an empty row is a gap
};

}  // namespace espalier
