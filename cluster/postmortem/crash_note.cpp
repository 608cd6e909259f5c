#include "cluster/postmortem/crash_note.h"

#include <charconv>
#include <fstream>
#include <sstream>

#include "base/error.h"

namespace espalier {
namespace {

constexpr std::size_t kMostNoteBytes = 64U << 10;

/// What follows `word` and a space in the next line; none if the line is another.
std::optional<std::string> line_after(std::istream& in, const std::string& word) {
  std::string line;
  if (!std::getline(in, line) || line.rfind(word + " ", 0) != 0) return std::nullopt;
  return line.substr(word.size() + 1);
}

template <typename Number>
bool read_number(const std::optional<std::string>& text, Number& number) {
  if (!text) return false;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
  return error == std::errc() && end == text->data() + text->size();
}

std::optional<CrashNote> parse_note(std::istream& in) {
  CrashNote note;
  if (line_after(in, "espalier-crash") != "1" || !read_number(line_after(in, "attempt"), note.attempt)) return {};
  const auto stage = line_after(in, "stage");
  if (!stage) return std::nullopt;
  if (*stage != "-") note.stage = stage_key_from_hex(*stage);
  if (!read_number(line_after(in, "signal"), note.signal)) return std::nullopt;
  const auto cause = line_after(in, "cause");
  if (!cause) return std::nullopt;
  note.cause = parse_loss_cause(*cause);
  const auto message = line_after(in, "message");
  std::string heading;
  if (!message || !std::getline(in, heading) || heading != "backtrace") return std::nullopt;
  note.message = *message;
  note.backtrace.assign(std::istreambuf_iterator<char>(in), {});
  return note;
}

}  // namespace

std::filesystem::path crash_note_path(const std::filesystem::path& logs, const std::string& label, int rank) {
  return logs / (label + ".rank" + std::to_string(rank) + ".crash");
}

std::optional<CrashNote> read_crash_note(const std::filesystem::path& path) {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored)) return std::nullopt;  // a pipe would block
  std::ifstream file(path, std::ios::binary);
  std::string text(kMostNoteBytes, '\0');
  if (!file.read(text.data(), static_cast<std::streamsize>(text.size())) && file.gcount() == 0) return std::nullopt;
  text.resize(static_cast<std::size_t>(file.gcount()));
  std::istringstream in(text);
  try {
    return parse_note(in);
  } catch (const Error&) {
    return std::nullopt;
  }
}

}  // namespace espalier
