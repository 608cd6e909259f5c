#pragma once

#include <concepts>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "experiments/formats/json_reader.h"
#include "experiments/formats/json_writer.h"

namespace espalier {

// A struct says its fields once, in a function found by argument-dependent lookup:
//
//   template <typename Visitor>
//   void visit_fields(Visitor& visit, Is<InitSpec> auto& spec) {
//     visit.field("model", spec.model);
//     visit.field("scheme", spec.scheme);
//   }
//
// in the order of canonical JSON, names sorted. Writing, reading and searching are visitors of it. A field may be a
// number, a flag, a text, a list or map of those, another such struct, or a list of structs.

/// The struct itself, const or not: a reader's visitor fills it, a writer's only reads it.
template <typename Type, typename Struct>
concept Is = std::same_as<std::remove_const_t<Type>, Struct>;

/// What a reader admits: of a count its value, of a list of counts each of them, of a list of structs its length.
struct FieldRange {
  std::int64_t least = 0, most = 1'000'000'000'000;
};

template <typename Value>
inline constexpr bool kIsList = false;
template <typename Item>
inline constexpr bool kIsList<std::vector<Item>> = true;

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
