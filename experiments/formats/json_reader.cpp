#include "experiments/formats/json_reader.h"

#include <cmath>
#include <utility>

#include "base/error.h"

namespace espalier {
namespace {

constexpr std::size_t kLongestText = 4096;
constexpr std::size_t kMostCounts = 100'000;
constexpr int kDeepestJson = 32;
constexpr std::int64_t kLongestShapeSide = 65'536;

/// Nested brackets are what takes most memory as a tree, 70 bytes for one. In linear time, and holding nothing.
bool is_nested_deeply(std::string_view text) {
  int depth = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"') quoted = !quoted;
    if (quoted && c == '\\') ++i;
    if (quoted) continue;
    if (c == '[' || c == '{') ++depth;
    if (c == ']' || c == '}') --depth;
    if (depth > kDeepestJson) return true;
  }
  return false;
}

}  // namespace

nlohmann::json parse_json_object(std::string_view text, std::string_view where) {
  if (is_nested_deeply(text)) throw Error(ErrorKind::invalid_input, std::string(where) + ": nested deeper than 32");
  nlohmann::json json = nlohmann::json::parse(text, nullptr, false);
  if (json.is_object()) return json;
  throw Error(ErrorKind::invalid_input, std::string(where) + ": not a JSON object: " + std::string(text.substr(0, 80)));
}

JsonReader::JsonReader(const nlohmann::json& object, std::string where) : object_(object), where_(std::move(where)) {
  if (!object_.is_object()) throw Error(ErrorKind::invalid_input, where_ + ": expected an object");
}

void JsonReader::refuse(std::string_view field, const std::string& what) const {
  throw Error(ErrorKind::invalid_input, where_ + ": " + std::string(field) + ": " + what);
}

const nlohmann::json& JsonReader::at(const char* field) {
  const auto found = object_.find(field);
  if (found == object_.end()) refuse(field, "is missing");
  ++fields_read_;
  return *found;
}

std::string JsonReader::text(const char* field) {
  const nlohmann::json& value = at(field);
  if (!value.is_string()) refuse(field, "expected a text");
  const auto& text = value.get_ref<const std::string&>();
  if (text.size() > kLongestText) refuse(field, "is longer than 4096 bytes");
  return text;
}

bool JsonReader::flag(const char* field) {
  const nlohmann::json& value = at(field);
  if (!value.is_boolean()) refuse(field, "expected true or false");
  return value.get<bool>();
}

double JsonReader::number(const char* field) {
  const nlohmann::json& value = at(field);
  if (!value.is_number() || !std::isfinite(value.get<double>())) refuse(field, "expected a finite number");
  return value.get<double>();
}

std::uint64_t JsonReader::seed(const char* field) {
  const nlohmann::json& value = at(field);
  if (!value.is_number_unsigned()) refuse(field, "expected a non-negative integer");
  return value.get<std::uint64_t>();
}

std::int64_t JsonReader::count(const char* field, std::int64_t least, std::int64_t most) {
  const nlohmann::json& value = at(field);
  const bool fits = value.is_number_unsigned() && value.get<std::uint64_t>() <= static_cast<std::uint64_t>(most);
  if (!fits || value.get<std::int64_t>() < least) {
    refuse(field, "expected an integer from " + std::to_string(least) + " to " + std::to_string(most));
  }
  return value.get<std::int64_t>();
}

std::vector<std::int64_t> JsonReader::counts(const char* field, std::int64_t most) {
  const nlohmann::json& value = at(field);
  if (!value.is_array() || value.size() > kMostCounts) refuse(field, "expected a list of at most 100000 integers");
  std::vector<std::int64_t> numbers;
  for (const nlohmann::json& item : value) {
    if (!item.is_number_unsigned() || item.get<std::uint64_t>() > static_cast<std::uint64_t>(most)) {
      refuse(field, "expected integers from 0 to " + std::to_string(most));
    }
    numbers.push_back(item.get<std::int64_t>());
  }
  return numbers;
}

std::array<std::int64_t, 3> JsonReader::shape(const char* field) {
  const std::vector<std::int64_t> sides = counts(field, kLongestShapeSide);
  if (sides.size() != 3) refuse(field, "expected three integers: channels, height, width");
  for (const std::int64_t side : sides) {
    if (side == 0) refuse(field, "a side is at least 1");
  }
  return {sides[0], sides[1], sides[2]};
}

std::vector<double> JsonReader::numbers(const char* field) {
  const nlohmann::json& value = at(field);
  if (!value.is_array() || value.size() > kMostCounts) refuse(field, "expected a list of at most 100000 numbers");
  std::vector<double> numbers;
  for (const nlohmann::json& item : value) {
    if (!item.is_number() || !std::isfinite(item.get<double>())) refuse(field, "expected finite numbers");
    numbers.push_back(item.get<double>());
  }
  return numbers;
}

std::map<std::string, double> JsonReader::numbers_by_name(const char* field) {
  const nlohmann::json& value = at(field);
  if (!value.is_object() || value.size() > kMostCounts) refuse(field, "expected an object of numbers");
  std::map<std::string, double> numbers;
  for (const auto& [name, number] : value.items()) {
    if (!number.is_number() || !std::isfinite(number.get<double>())) refuse(field, name + ": expected a finite number");
    numbers.emplace(name, number.get<double>());
  }
  return numbers;
}

std::vector<std::string> JsonReader::texts(const char* field) {
  const nlohmann::json& value = at(field);
  if (!value.is_array() || value.size() > kMostCounts) refuse(field, "expected a list of at most 100000 texts");
  std::vector<std::string> texts;
  for (const nlohmann::json& item : value) {
    if (!item.is_string() || item.get_ref<const std::string&>().size() > kLongestText) refuse(field, "expected texts");
    texts.push_back(item.get<std::string>());
  }
  return texts;
}

std::vector<JsonReader> JsonReader::objects(const char* field, std::size_t most) {
  const nlohmann::json& value = at(field);
  if (!value.is_array() || value.size() > most) refuse(field, "expected a list of objects");
  std::vector<JsonReader> readers;
  for (const nlohmann::json& item : value) readers.emplace_back(item, where_ + ": " + field);
  return readers;
}

JsonReader JsonReader::object(const char* field) {
  const nlohmann::json& value = at(field);
  return JsonReader(value, where_ + ": " + field);
}

bool JsonReader::is_null(const char* field) {
  if (!at(field).is_null()) {
    --fields_read_;  // the caller reads it as what it is
    return false;
  }
  return true;
}

void JsonReader::finish() const {
  if (fields_read_ < object_.size()) {
    throw Error(ErrorKind::invalid_input,
                where_ + ": has fields that this version does not know; use the same version everywhere");
  }
}

}  // namespace espalier
