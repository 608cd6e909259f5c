// One pass from left to right. At the start of each word it is decided what the word is (a path, a quotation, a number,
// a key); the rest is copied.
#include "analysis/failures/normalized_message.h"

#include <algorithm>
#include <array>
#include <cctype>

namespace espalier {
namespace {

constexpr std::size_t kMostRead = 4000;
constexpr std::size_t kLongestQuotation = 300;
constexpr std::size_t kShortestKey = 8;

bool is_digit(char c) {
  return std::isdigit(static_cast<unsigned char>(c)) != 0;
}
bool is_hex(char c) {
  return std::isxdigit(static_cast<unsigned char>(c)) != 0;
}
bool is_space(char c) {
  return std::isspace(static_cast<unsigned char>(c)) != 0 || std::iscntrl(static_cast<unsigned char>(c)) != 0;
}
bool is_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

class Normalizer {
 public:
  explicit Normalizer(std::string_view text) : text_(text) {}

  std::string run() {
    while (at_ < text_.size()) {
      if (take_space() || take_quotation() || take_path() || take_key() || take_number()) continue;
      out_ += text_[at_++];
    }
    while (!out_.empty() && out_.back() == ' ') out_.pop_back();
    return std::move(out_);
  }

 private:
  bool starts_word() const { return at_ == 0 || !is_word(text_[at_ - 1]); }
  char peek(std::size_t ahead) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : ' '; }

  bool take_space() {
    if (!is_space(text_[at_])) return false;
    if (!out_.empty() && out_.back() != ' ') out_ += ' ';
    ++at_;
    return true;
  }

  /// Not the apostrophe of "can't" nor that of "the workers' disks".
  bool take_quotation() {
    const char open = text_[at_];
    if ((open != '"' && open != '\'' && open != '`') || !starts_word()) return false;
    const std::string_view closing = open == '`' ? "`'" : open == '"' ? "\"" : "'";
    std::size_t end = at_ + 1;
    const std::size_t last = std::min(text_.size(), at_ + kLongestQuotation);
    while (end < last && closing.find(text_[end]) == std::string_view::npos && text_[end] != '\n') ++end;
    if (end >= last || text_[end] == '\n' || end == at_ + 1) return false;
    if (end + 1 < text_.size() && is_word(text_[end + 1])) return false;
    out_ += "<name>";
    at_ = end + 1;
    return true;
  }

  bool take_path() {
    if (at_ > 0 && !is_space(text_[at_ - 1]) && std::string_view("([{=,:;<").find(text_[at_ - 1]) == std::string::npos)
      return false;
    std::size_t end = at_;
    while (end < text_.size() && !is_space(text_[end]) &&
           std::string_view(",;()[]{}\"'`<>").find(text_[end]) == std::string::npos)
      ++end;
    while (end > at_ && (text_[end - 1] == '.' || text_[end - 1] == ':')) --end;
    const std::string_view token = text_.substr(at_, end - at_);
    const std::size_t slash = token.rfind('/');
    if (slash == std::string_view::npos || token.size() < 2) return false;
    const bool anchored =
        token.starts_with('/') || token.starts_with("./") || token.starts_with("../") || token.starts_with("~/");
    const bool deep = token.find('/') != slash || token.find('.', slash) != std::string_view::npos;
    if (!anchored && (!deep || is_digit(token.front()))) return false;
    out_ += "<path>";
    at_ = end;
    return true;
  }

  /// 0x7f3a, or a run of hexadecimal digits as long as a shortened key.
  bool take_key() {
    if (!starts_word()) return false;
    const bool prefixed = text_[at_] == '0' && (peek(1) == 'x' || peek(1) == 'X') && is_hex(peek(2));
    std::size_t end = at_ + (prefixed ? 2 : 0);
    bool digits = false, letters = false;
    for (; end < text_.size() && is_hex(text_[end]); ++end) (is_digit(text_[end]) ? digits : letters) = true;
    if (!prefixed && (end - at_ < kShortestKey || !digits || !letters)) return false;
    if (end < text_.size() && is_word(text_[end])) return false;
    out_ += "<hex>";
    at_ = end;
    return true;
  }

  bool take_number() {
    const bool is_signed = (text_[at_] == '-' || text_[at_] == '+') && is_digit(peek(1)) &&
                           (at_ == 0 || is_space(text_[at_ - 1]) || text_[at_ - 1] == '=' || text_[at_ - 1] == '(');
    if (!is_signed && !is_digit(text_[at_])) return false;
    if (is_signed) ++at_;
    const auto take_digits = [&] {
      while (at_ < text_.size() && is_digit(text_[at_])) ++at_;
    };
    take_digits();
    while ((peek(0) == '.' || peek(0) == ',') && is_digit(peek(1))) {
      ++at_;
      take_digits();
    }
    const std::size_t exponent = peek(1) == '-' || peek(1) == '+' ? 2 : 1;
    if ((peek(0) == 'e' || peek(0) == 'E') && is_digit(peek(exponent))) {
      at_ += exponent;
      take_digits();
    }
    out_ += '#';
    take_size_unit();
    return true;
  }

  void take_size_unit() {
    constexpr std::array<std::string_view, 11> kUnits{"bytes", "KiB", "MiB", "GiB", "TiB", "kB",
                                                      "KB",    "MB",  "GB",  "TB",  "B"};
    const std::size_t space = peek(0) == ' ' ? 1 : 0;
    for (const std::string_view unit : kUnits) {
      if (text_.substr(std::min(text_.size(), at_ + space), unit.size()) != unit || is_word(peek(space + unit.size())))
        continue;
      out_ += " bytes";
      at_ += space + unit.size();
      return;
    }
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::string out_;
};

/// "nothing of fc#, fc#" is "nothing of fc#": how long such a list is differs from case to case.
std::string without_repetitions(std::string text) {
  for (std::size_t comma = text.find(", "); comma != std::string::npos; comma = text.find(", ", comma)) {
    const std::size_t space = comma == 0 ? std::string::npos : text.rfind(' ', comma - 1);
    const std::string word =
        text.substr(space == std::string::npos ? 0 : space + 1, comma - (space == std::string::npos ? 0 : space + 1));
    const std::size_t end = std::min(text.find_first_of(" ,;.", comma + 2), text.size());
    if (!word.empty() && text.compare(comma + 2, end - comma - 2, word) == 0) {
      text.erase(comma, end - comma);
    } else {
      comma += 2;
    }
  }
  return text;
}

}  // namespace

std::string normalized_message(std::string_view message) {
  return without_repetitions(
      Normalizer(message.substr(0, std::min(kMostRead, message.find("Exception raised from")))).run());
}

}  // namespace espalier
