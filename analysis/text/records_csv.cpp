#include "analysis/text/records_csv.h"

#include <vector>

#include <nlohmann/json.hpp>

#include "analysis/text/number_text.h"
#include "analysis/text/text_table.h"

namespace espalier {
namespace {

std::string cell_text(const nlohmann::ordered_json& value) {
  if (value.is_null()) return "";
  if (value.is_string()) return value.get<std::string>();
  return value.is_number_float() ? exact_text(value.get<double>()) : value.dump();
}

}  // namespace

std::string records_csv(const nlohmann::ordered_json& header, const nlohmann::ordered_json& records) {
  std::vector<TextTable::Column> columns;
  for (const auto& [name, value] : header.items()) columns.push_back({name});
  TextTable table(columns);
  for (const nlohmann::ordered_json& record : records) {
    std::vector<std::string> cells;
    for (const auto& value : record) cells.push_back(cell_text(value));
    table.add_row(cells);
  }
  return table.to_csv();
}

}  // namespace espalier
