#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace espalier {

/// Appends canonical JSON to a text: no white space, numbers in their shortest exact form (1, 0.0012, 1e-08). The
/// caller writes the keys of an object in sorted order. Made for hashing hundreds of thousands of specs a second.
class JsonWriter {
 public:
  explicit JsonWriter(std::string& out) : out_(out) {}

  void begin_object() { open('{'); }
  void end_object() { close('}'); }
  void key(std::string_view name);
  void begin_list() { open('['); }
  void end_list() { close(']'); }
  /// Before each item of a list.
  void item();

  void value(std::string_view text);
  void value(const char* text) { value(std::string_view(text)); }
  void value(std::int64_t number);
  void value(std::uint64_t number);
  /// Errors: ErrorKind::internal for NaN and infinity, which JSON cannot hold.
  void value(double number);
  void value(bool flag);
  void null();
  void value(const std::vector<std::int64_t>& numbers) { list(numbers.data(), numbers.size()); }
  void value(const std::array<std::int64_t, 3>& numbers) { list(numbers.data(), numbers.size()); }

  template <typename Value>
  void field(std::string_view name, const Value& what) {
    key(name);
    value(what);
  }

 private:
  void open(char bracket);
  void close(char bracket);
  void list(const std::int64_t* numbers, std::size_t count);
  void escaped(char c);

  std::string& out_;
  bool first_ = true;  // nothing written yet in the innermost object or list
};

}  // namespace espalier
