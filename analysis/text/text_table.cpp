#include "analysis/text/text_table.h"

#include <algorithm>
#include <utility>

#include "base/error.h"

namespace espalier {
namespace {

std::string padded(const std::string& text, std::size_t width, bool is_right) {
  const std::string space(width - std::min(width, text.size()), ' ');
  return is_right ? space + text : text + space;
}

void end_line(std::string& text) {
  text.erase(text.find_last_not_of(' ') + 1);
  text += '\n';
}

std::string escaped_for_markdown(const std::string& text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '|' || c == '\\' || c == '<' || c == '*') escaped += '\\';
    escaped += c == '\n' ? ' ' : c;
  }
  return escaped;
}

std::string quoted_for_csv(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) {
    quoted += c;
    if (c == '"') quoted += c;
  }
  return quoted + "\"";
}

}  // namespace

TextTable::TextTable(std::vector<Column> columns) : columns_(std::move(columns)) {}

void TextTable::add_row(std::vector<std::string> cells) {
  if (cells.size() != columns_.size()) {
    throw Error(ErrorKind::internal, "a table of " + std::to_string(columns_.size()) + " columns got a row of " +
                                         std::to_string(cells.size()));
  }
  rows_.push_back(std::move(cells));
}

void TextTable::add_gap() {
  if (!rows_.empty() && !rows_.back().empty()) rows_.emplace_back();
}

std::vector<std::size_t> TextTable::widths() const {
  std::vector<std::size_t> widths(columns_.size());
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  for (std::size_t i = 0; i < widths.size(); ++i) {
    if (widths[i] > 0) widths[i] = std::max(widths[i], columns_[i].title.size());
  }
  return widths;
}

std::string TextTable::to_text(std::size_t indent) const {
  const std::vector<std::size_t> width = widths();
  const std::string margin(indent, ' ');
  std::string titles = margin, rule = margin, body;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    if (width[i] == 0) continue;
    titles += padded(columns_[i].title, width[i], columns_[i].is_right) + "  ";
    rule += std::string(width[i], '-') + "  ";
  }
  end_line(titles);
  end_line(rule);
  for (const auto& row : rows_) {
    std::string line = margin;
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (width[i] > 0) line += padded(row[i], width[i], columns_[i].is_right) + "  ";
    }
    end_line(line);
    body += line;
  }
  return titles + rule + body;
}

std::string TextTable::to_markdown() const {
  const std::vector<std::size_t> width = widths();
  std::string text = "|", rule = "|";
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    if (width[i] == 0) continue;
    text += " " + escaped_for_markdown(columns_[i].title) + " |";
    rule += columns_[i].is_right ? " ---: |" : " --- |";
  }
  text += "\n" + rule + "\n";
  for (const auto& row : rows_) {
    if (row.empty()) continue;
    text += "|";
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (width[i] > 0) text += " " + escaped_for_markdown(row[i]) + " |";
    }
    text += "\n";
  }
  return text;
}

std::string TextTable::to_csv() const {
  std::string text;
  const auto add_line = [&](const auto& cells, const auto& text_of) {
    for (std::size_t i = 0; i < cells.size(); ++i) text += (i == 0 ? "" : ",") + quoted_for_csv(text_of(cells[i]));
    text += "\r\n";
  };
  add_line(columns_, [](const Column& column) { return column.title; });
  for (const auto& row : rows_) {
    if (!row.empty()) add_line(row, [](const std::string& cell) { return cell; });
  }
  return text;
}

}  // namespace espalier
