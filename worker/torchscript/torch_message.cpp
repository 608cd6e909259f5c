#include "worker/torchscript/torch_message.h"

#include <algorithm>
#include <cctype>
#include <optional>
#include <string>
#include <utility>
#include <vector>

// c10's errors end in "Exception raised from FUNCTION at FILE (most recent call first):" and frames. The interpreter's
// begin with tracebacks, of the serialized code and of the original one where the file has it; then comes
// "RuntimeError: " and the message. The original of a traced module is a Python stack, the innermost frame first.

namespace espalier {
namespace {

using MessageLines = std::vector<std::string_view>;

constexpr std::string_view kTraceback = "Traceback of TorchScript";
constexpr std::string_view kHere = "<--- HERE";
constexpr std::size_t kMostLines = 8, kMostBytes = 600, kMostSourceBytes = 120;

MessageLines message_lines(std::string_view text) {
  MessageLines lines;
  while (true) {
    const std::size_t end = text.find('\n');
    lines.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return lines;
    text.remove_prefix(end + 1);
  }
}

std::string_view trimmed_text(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const std::size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) + 1 - begin);
}

std::string bounded_text(std::string_view text, std::size_t most) {
  if (text.size() <= most) return std::string(text);
  // No character is cut: the bytes that go on one are 10xxxxxx.
  while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xC0U) == 0x80U) --most;
  return std::string(text.substr(0, most)) + "...";
}

bool is_digits(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](unsigned char c) { return std::isdigit(c) != 0; });
}

/// "builtins.ValueError" of a line that begins the interpreter's message; "" of any other.
std::string_view class_name(std::string_view line) {
  const std::size_t colon = line.find(": ");
  if (colon == std::string_view::npos || colon == 0 || is_digits(line.substr(0, 1))) return {};
  const auto fits = [](unsigned char c) { return std::isalnum(c) != 0 || c == '_' || c == '.'; };
  return std::ranges::all_of(line.substr(0, colon), fits) ? line.substr(0, colon) : std::string_view();
}

struct MessageFrame {
  std::string_view file, line, function, source;
};

/// `  File "net.py", line 21, in forward`
std::optional<MessageFrame> scripted_frame(std::string_view line) {
  constexpr std::string_view kFile = "File \"", kLine = "\", line ", kIn = ", in ";
  const std::size_t begin = line.find(kFile), middle = line.rfind(kLine);
  if (begin == std::string_view::npos || middle == std::string_view::npos || middle < begin + kFile.size())
    return std::nullopt;
  const std::string_view before = trimmed_text(line.substr(0, begin));
  if (!before.empty() && before != "Serialized") return std::nullopt;
  MessageFrame frame;
  frame.file = line.substr(begin + kFile.size(), middle - begin - kFile.size());
  const std::string_view rest = line.substr(middle + kLine.size());
  const std::size_t in = rest.find(kIn);
  frame.line = trimmed_text(rest.substr(0, in));
  if (in != std::string_view::npos) frame.function = trimmed_text(rest.substr(in + kIn.size()));
  return is_digits(frame.line) ? std::optional(frame) : std::nullopt;
}

/// `/home/me/net.py(21): forward`
std::optional<MessageFrame> traced_frame(std::string_view line) {
  const std::size_t open = line.rfind('('), close = line.rfind("): ");
  if (open == std::string_view::npos || close == std::string_view::npos || close < open) return std::nullopt;
  const MessageFrame frame{
      line.substr(0, open), line.substr(open + 1, close - open - 1), trimmed_text(line.substr(close + 3)), {}};
  return is_digits(frame.line) ? std::optional(frame) : std::nullopt;
}

bool is_library(const MessageFrame& frame) {
  return frame.file.find("/torch/") != std::string_view::npos;
}

/// The innermost frame of the user's among those of the last traceback that has any.
std::optional<MessageFrame> own_frame(const MessageLines& lines) {
  std::optional<MessageFrame> found, present;
  bool traced = false;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (const auto scripted = scripted_frame(lines[i])) {
      present = is_library(*scripted) ? std::nullopt : scripted;
      if (present) found = present;
    } else if (const auto frame = traced_frame(lines[i])) {
      if (!traced && !is_library(*frame)) found = frame;
      traced = traced || !is_library(*frame);
    } else if (present && found && i > 0 && lines[i].find(kHere) != std::string_view::npos) {
      found->source = trimmed_text(lines[i - 1]);
      present.reset();
    }
  }
  return found;
}

std::string place_text(const MessageFrame& frame) {
  std::string text(frame.file.substr(frame.file.rfind('/') + 1));
  text.append(", line ").append(frame.line);
  if (!frame.function.empty()) text.append(", in ").append(frame.function);
  if (!frame.source.empty()) text += ": " + bounded_text(frame.source, kMostSourceBytes);
  return text;
}

std::string joined_lines(const MessageLines& lines) {
  std::string text;
  for (const std::string_view line : lines) text.append(text.empty() ? "" : "\n").append(line);
  return std::string(trimmed_text(text));
}

/// The message's lines and those of the traces around it.
std::pair<MessageLines, MessageLines> without_traces(const MessageLines& lines) {
  const auto says = [](std::string_view words) {
    return [words](std::string_view line) { return line.find(words) != std::string_view::npos; };
  };
  const auto traceback = std::ranges::find_if(lines, says(kTraceback));
  if (traceback != lines.end()) {
    const auto begin = std::find_if(traceback, lines.end(), [](auto line) { return !class_name(line).empty(); });
    return {{begin, lines.end()}, {traceback, begin}};
  }
  if (std::ranges::none_of(lines, says(kHere))) return {lines, {}};
  const auto place = std::ranges::find_if(lines, [](auto line) { return scripted_frame(line).has_value(); });
  return {{lines.begin(), place}, {place, lines.end()}};  // the compiler's: the message, then where
}

}  // namespace

std::string torch_message(std::string_view text) {
  constexpr std::string_view kFrames = "Exception raised from ";
  const std::size_t frames = text.starts_with(kFrames) ? 0 : text.find("\n" + std::string(kFrames));
  auto [said, traces] = without_traces(message_lines(text.substr(0, frames)));
  std::string message = joined_lines(said);
  if (!traces.empty() && !said.empty()) {
    const std::string_view name = class_name(said.front());
    const bool plain = name == "RuntimeError" && message.size() > name.size() + 1;
    constexpr std::string_view kBuiltin = "builtins.";
    if (plain) message = std::string(trimmed_text(std::string_view(message).substr(name.size() + 1)));
    if (name.starts_with(kBuiltin)) message.erase(0, kBuiltin.size());
  }
  while (message.ends_with(':')) message.pop_back();
  MessageLines kept = message_lines(message);
  const bool longer = kept.size() > kMostLines;
  if (longer) kept.resize(kMostLines);
  message = bounded_text(joined_lines(kept) + (longer ? "\n..." : ""), kMostBytes);
  if (message.empty()) message = "no reason was given";
  const auto frame = own_frame(traces);
  return frame ? message + " (" + place_text(*frame) + ")" : message;
}

}  // namespace espalier
