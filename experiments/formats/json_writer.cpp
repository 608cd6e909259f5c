#include "experiments/formats/json_writer.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/error.h"

namespace espalier {
namespace {

template <typename Number>
void append_number(std::string& out, Number number) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, number).ptr;
  out.append(text, end);
}

}  // namespace

void JsonWriter::open(char bracket) {
  out_ += bracket;
  first_ = true;
}

void JsonWriter::close(char bracket) {
  out_ += bracket;
  first_ = false;
}

void JsonWriter::item() {
  if (!first_) out_ += ',';
  first_ = false;
}

void JsonWriter::key(std::string_view name) {
  item();
  out_ += '"';
  out_ += name;
  out_ += "\":";
}

void JsonWriter::escaped(char c) {
  static constexpr char kDigits[] = "0123456789abcdef";
  if (c == '"' || c == '\\') {
    out_ += '\\';
    out_ += c;
  } else if (static_cast<unsigned char>(c) < 0x20) {
    out_ += "\\u00";
    out_ += kDigits[c >> 4];
    out_ += kDigits[c & 15];
  } else {
    out_ += c;
  }
}

void JsonWriter::value(std::string_view text) {
  const auto is_plain = [](char c) { return c != '"' && c != '\\' && static_cast<unsigned char>(c) >= 0x20; };
  out_ += '"';
  if (std::ranges::all_of(text, is_plain)) {
    out_ += text;
  } else {
    for (const char c : text) escaped(c);
  }
  out_ += '"';
}

void JsonWriter::value(std::int64_t number) {
  append_number(out_, number);
}
void JsonWriter::value(std::uint64_t number) {
  append_number(out_, number);
}

void JsonWriter::value(double number) {
  if (!std::isfinite(number)) throw Error(ErrorKind::internal, "a spec holds a number that is not finite");
  append_number(out_, number);
}

void JsonWriter::value(bool flag) {
  out_ += flag ? "true" : "false";
}
void JsonWriter::null() {
  out_ += "null";
}

void JsonWriter::list(const std::int64_t* numbers, std::size_t count) {
  out_ += '[';
  for (std::size_t i = 0; i < count; ++i) {
    if (i > 0) out_ += ',';
    append_number(out_, numbers[i]);
  }
  out_ += ']';
}

}  // namespace espalier
