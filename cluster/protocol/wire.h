#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "experiments/stages/job.h"
#include "experiments/stages/outcome.h"

namespace espalier {

// Encoding of values in a message: every struct is an array of its fields in order. For cluster's sources only.

[[noreturn]] void refuse_message(const std::string& what);

nlohmann::json bytes_of(std::string_view text);
nlohmann::json bytes_of(const StageKey& key);
StageKey key_from_wire(const nlohmann::json& value);
std::string prose_from_wire(const nlohmann::json& value);
std::string name_from_wire(const nlohmann::json& value);

inline constexpr std::size_t kMostWireElements = 1U << 20;

/// Reads the fields of one array in order, checking each one's type.
class Fields {
 public:
  explicit Fields(const nlohmann::json& array) : array_(array) {
    if (!array.is_array() || array.size() > kMostWireElements) refuse_message("expected an array");
  }
  const nlohmann::json& next() {
    if (position_ >= array_.size()) refuse_message("a field is missing");
    return array_[position_++];
  }
  std::int64_t integer() {
    const nlohmann::json& value = next();
    if (!value.is_number_integer()) refuse_message("expected a whole number");
    if (value.is_number_unsigned() && value.get<std::uint64_t>() > std::numeric_limits<std::int64_t>::max()) {
      refuse_message("a number is out of range");
    }
    return value.get<std::int64_t>();
  }
  /// From `least` to 2^53: what a double, and so JSON elsewhere, holds exactly.
  std::int64_t count(std::int64_t least = 0) {
    constexpr std::int64_t kMost = std::int64_t{1} << 53;
    const std::int64_t value = integer();
    if (value < least || value > kMost) refuse_message("a count is out of range");
    return value;
  }
  std::uint64_t natural() {
    const nlohmann::json& value = next();
    if (!value.is_number_unsigned()) refuse_message("expected a natural number");
    return value.get<std::uint64_t>();
  }
  int small() {
    const std::int64_t value = integer();
    if (value < 0 || value > std::numeric_limits<int>::max()) refuse_message("a number is out of range");
    return static_cast<int>(value);
  }
  double real() {
    const nlohmann::json& value = next();
    if (!value.is_number()) refuse_message("expected a number");
    return value.get<double>();
  }
  /// Not NaN, and from `least` to `most`.
  double real_within(double least, double most) {
    const double value = real();
    if (!(value >= least && value <= most)) refuse_message("a number is out of range");
    return value;
  }
  bool truth() {
    const nlohmann::json& value = next();
    if (!value.is_boolean()) refuse_message("expected true or false");
    return value.get<bool>();
  }
  std::string text() {
    const nlohmann::json& value = next();
    if (!value.is_string()) refuse_message("expected a text");
    return value.get<std::string>();
  }
  /// For people, and for logs, terminals and the database: bounded, and with its control characters escaped.
  std::string prose() { return prose_from_wire(next()); }
  /// A name: not empty, not long, no control characters.
  std::string name() { return name_from_wire(next()); }
  std::string bytes() {
    const nlohmann::json& value = next();
    if (!value.is_binary()) refuse_message("expected bytes");
    const auto& binary = value.get_binary();
    return {binary.begin(), binary.end()};
  }
  StageKey key() { return key_from_wire(next()); }
  /// Grows as its elements are decoded and valid: one takes far more memory than its byte.
  template <typename Read>
  auto list(Read read) {
    const nlohmann::json& value = next();
    if (!value.is_array() || value.size() > kMostWireElements) refuse_message("expected a list");
    std::vector<decltype(read(value))> result;
    for (const nlohmann::json& element : value) result.push_back(read(element));
    return result;
  }
  bool at_end() const { return position_ >= array_.size(); }
  bool absent() {
    if (position_ < array_.size() && array_[position_].is_null()) {
      ++position_;
      return true;
    }
    return false;
  }

 private:
  const nlohmann::json& array_;
  std::size_t position_ = 0;
};

nlohmann::json to_wire(const JobStage& stage);
nlohmann::json to_wire(const StageOutcome& outcome);
/// Errors (both): ErrorKind::corrupt, or invalid_input for a name that is none.
JobStage job_stage_from_wire(const nlohmann::json& wire);
StageOutcome stage_outcome_from_wire(const nlohmann::json& wire);

}  // namespace espalier
