#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <type_traits>

#include "experiments/formats/fields.h"
#include "experiments/formats/json_reader.h"

namespace espalier {

/// Fills a struct from JSON that came from elsewhere. Errors (every function): those of JsonReader.
class JsonFieldReader {
 public:
  explicit JsonFieldReader(JsonReader& in) : in_(in) {}

  template <typename Value>
  void field(const char* name, Value& value, FieldRange range = {}) {
    if constexpr (std::same_as<Value, std::string>) {
      value = in_.text(name);
    } else if constexpr (std::same_as<Value, bool>) {
      value = in_.flag(name);
    } else if constexpr (std::same_as<Value, double>) {
      value = in_.number(name);
    } else if constexpr (std::same_as<Value, std::uint64_t>) {
      value = in_.seed(name);
    } else if constexpr (std::same_as<Value, std::int64_t>) {
      value = in_.count(name, range.least, range.most);
    } else if constexpr (std::same_as<Value, std::array<std::int64_t, 3>>) {
      value = in_.shape(name);
    } else if constexpr (std::same_as<Value, std::vector<std::int64_t>>) {
      value = in_.counts(name, range.most);
    } else if constexpr (std::same_as<Value, std::vector<double>>) {
      value = in_.numbers(name);
    } else if constexpr (std::same_as<Value, std::vector<std::string>>) {
      value = in_.texts(name);
    } else if constexpr (std::same_as<Value, std::map<std::string, double>>) {
      value = in_.numbers_by_name(name);
    } else if constexpr (kIsList<Value>) {
      for (JsonReader item : in_.objects(name, static_cast<std::size_t>(range.most))) read(item, value.emplace_back());
    } else {
      JsonReader object = in_.object(name);
      read(object, value);
    }
  }
  template <typename Value>
  void added(const char* name, Value& value, const std::type_identity_t<Value>& = {}, FieldRange range = {}) {
    if (in_.has(name)) field(name, value, range);
  }
  template <typename Value>
  void added(const char* name, std::optional<Value>& value) {
    if (in_.has(name)) field(name, value.emplace());
  }
  template <typename Value>
  void nullable(const char* name, std::optional<Value>& value) {
    if (!in_.is_null(name)) field(name, value.emplace());
  }

  /// All of an object's fields; others in it are refused.
  template <typename Struct>
  static void read(JsonReader& in, Struct& value) {
    JsonFieldReader reader(in);
    visit_fields(reader, value);
    in.finish();
  }

 private:
  JsonReader& in_;
};

}  // namespace espalier
