#pragma once

#include <map>
#include <optional>
#include <string>
#include <type_traits>

#include "experiments/formats/fields.h"
#include "experiments/formats/json_writer.h"

namespace espalier {

/// Appends the fields of a struct as canonical JSON.
class JsonFieldWriter {
 public:
  explicit JsonFieldWriter(JsonWriter& out) : out_(out) {}

  template <typename Value>
  void field(const char* name, const Value& value, FieldRange = {}) {
    out_.key(name);
    write(value);
  }
  /// A field that was added later: left out while it has its default, so that keys of before stay.
  template <typename Value>
  void added(const char* name, const Value& value, const std::type_identity_t<Value>& standard = {}, FieldRange = {}) {
    if (value != standard) field(name, value);
  }
  template <typename Value>
  void added(const char* name, const std::optional<Value>& value) {
    if (value) field(name, *value);
  }
  /// None is null.
  template <typename Value>
  void nullable(const char* name, const std::optional<Value>& value) {
    if (value) return field(name, *value);
    out_.key(name);
    out_.null();
  }

  template <typename Value>
  void write(const Value& value) {
    if constexpr (requires { out_.value(value); }) {
      out_.value(value);
    } else if constexpr (kIsList<Value>) {
      out_.begin_list();
      for (const auto& item : value) {
        out_.item();
        write(item);
      }
      out_.end_list();
    } else if constexpr (std::same_as<Value, std::map<std::string, double>>) {
      out_.begin_object();
      for (const auto& [key, number] : value) out_.field(key, number);
      out_.end_object();
    } else {
      out_.begin_object();
      visit_fields(*this, value);
      out_.end_object();
    }
  }

 private:
  JsonWriter& out_;
};

}  // namespace espalier
