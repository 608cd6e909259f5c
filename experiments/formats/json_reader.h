#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

namespace espalier {

/// Reads the fields of one JSON object that came from elsewhere, checking type and range.
/// Errors (every function): ErrorKind::invalid_input naming the field ("train spec: dataset.train: ...").
class JsonReader {
 public:
  /// `where` begins every message; `object` outlives the reader.
  JsonReader(const nlohmann::json& object, std::string where);

  std::string text(const char* field);
  bool flag(const char* field);
  double number(const char* field);
  std::uint64_t seed(const char* field);
  std::int64_t count(const char* field, std::int64_t least, std::int64_t most);
  std::vector<std::int64_t> counts(const char* field, std::int64_t most);
  std::array<std::int64_t, 3> shape(const char* field);
  std::vector<double> numbers(const char* field);
  std::map<std::string, double> numbers_by_name(const char* field);
  std::vector<std::string> texts(const char* field);
  JsonReader object(const char* field);
  /// A list of at most `most` objects.
  std::vector<JsonReader> objects(const char* field, std::size_t most);
  /// Of a field that is left out while it has its default.
  bool has(const char* field) const { return object_.contains(field); }
  bool is_null(const char* field);

  /// Refuses unread fields: an unknown field may change the meaning of the others.
  void finish() const;

 private:
  const nlohmann::json& at(const char* field);
  [[noreturn]] void refuse(std::string_view field, const std::string& what) const;

  const nlohmann::json& object_;
  std::string where_;
  std::size_t fields_read_ = 0;
};

/// Errors: ErrorKind::invalid_input, beginning with `where`, if `text` is no JSON object, or nested deeper than 32.
nlohmann::json parse_json_object(std::string_view text, std::string_view where);

}  // namespace espalier
