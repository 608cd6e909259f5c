#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

namespace espalier {

/// RFC 4180: the names of `header`'s fields, then a line for each record with those fields. Numbers are exact, null is
/// empty.
std::string records_csv(const nlohmann::ordered_json& header, const nlohmann::ordered_json& records);

}  // namespace espalier
