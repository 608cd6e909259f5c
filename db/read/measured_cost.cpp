#include "db/read/measured_cost.h"

#include <algorithm>
#include <vector>

#include "base/host_name.h"
#include "db/sqlite/prepared.h"

namespace espalier {
namespace {

double median_of(std::vector<double> numbers) {
  const auto middle = numbers.begin() + static_cast<std::ptrdiff_t>(numbers.size() / 2);
  std::nth_element(numbers.begin(), middle, numbers.end());
  return *middle;
}

}  // namespace

MeasuredCost measure_cost(const SQLite::Database& database) {
  std::vector<double> all;
  std::map<std::string, std::vector<double>> by_model;
  Prepared(database,
           "SELECT s.wall_s / s.cost, coalesce(p.json ->> '$.model.name', '') FROM stages s"
           " JOIN environments e ON e.id = s.environment_id JOIN specs p ON p.id = s.spec_id"
           " WHERE s.kind = 'train' AND s.state = 'done' AND s.cost > 0 AND s.wall_s > 0 AND s.collapsed IS NOT 1 AND "
           "e.host = ?"
           " ORDER BY s.id DESC LIMIT 1001")
      .each(
          [&](SQLite::Statement& row) {
            all.push_back(row.getColumn(0).getDouble());
            by_model[row.getColumn(1).getString()].push_back(all.back());
          },
          host_name());
  MeasuredCost measured;
  if (!all.empty()) measured.overall = median_of(all);
  for (const auto& [model, numbers] : by_model) measured.by_model.emplace(model, median_of(numbers));
  return measured;
}

}  // namespace espalier
