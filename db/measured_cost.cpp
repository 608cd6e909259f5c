#include "db/measured_cost.h"

#include <algorithm>
#include <vector>

#include "base/host_name.h"
#include "db/prepared.h"

namespace espalier {

std::optional<double> median_seconds_per_cost(const SQLite::Database& database) {
  std::vector<double> measured;
  Prepared(database,
           "SELECT s.wall_s / s.cost FROM stages s JOIN environments e ON e.id = s.environment_id"
           " WHERE s.kind = 'train' AND s.state = 'done' AND s.cost > 0 AND s.wall_s > 0 AND s.collapsed IS NOT 1 AND "
           "e.host = ?"
           " ORDER BY s.id DESC LIMIT 1001")
      .each([&](SQLite::Statement& row) { measured.push_back(row.getColumn(0).getDouble()); }, host_name());
  if (measured.empty()) return std::nullopt;
  const auto middle = measured.begin() + static_cast<std::ptrdiff_t>(measured.size() / 2);
  std::nth_element(measured.begin(), middle, measured.end());
  return *middle;
}

}  // namespace espalier
