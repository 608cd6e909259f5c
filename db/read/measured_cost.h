#pragma once

#include <map>
#include <optional>
#include <string>

namespace SQLite {
class Database;
}

namespace espalier {

/// Seconds per unit of Stage::cost: medians over the newest thousand trainings that a host has done. A multiply-add of
/// one model may take several times as long as one of another.
struct MeasuredCost {
  std::optional<double> overall;           ///< none if there was no training
  std::map<std::string, double> by_model;  ///< by ModelSpec::name
};

/// Of this host. For db's sources only. Errors: SQLite::Exception.
MeasuredCost measure_cost(const SQLite::Database& database);

}  // namespace espalier
