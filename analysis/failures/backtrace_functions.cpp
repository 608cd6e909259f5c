#include "analysis/failures/backtrace_functions.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>
#include <cxxabi.h>
#include <memory>
#include <optional>

namespace espalier {
namespace {

constexpr std::size_t kLongestSymbol = 4000;
constexpr std::size_t kLongestName = 120;
constexpr std::size_t kMostLines = 200;
/// A handler that prints a backtrace stands above what was interrupted, with the kernel's way into it between them.
constexpr std::size_t kMostHandlerFrames = 4;

struct Frame {
  std::string function;  ///< demangled, as written; "" if unknown
  std::string library;   ///< without its folder; "" if unknown
};

std::string demangle(std::string symbol) {
  if (!symbol.starts_with("_Z") || symbol.size() > kLongestSymbol) return symbol;
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> name(abi::__cxa_demangle(symbol.c_str(), nullptr, nullptr, &status),
                                                         &std::free);
  return status == 0 && name != nullptr ? name.get() : symbol;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front())) != 0) text.remove_prefix(1);
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())) != 0) text.remove_suffix(1);
  return text;
}

std::string base_name(std::string_view path) {
  return std::string(path.substr(path.rfind('/') + 1));
}

/// `foo` of `foo+0x1f` and `foo + 31`.
std::string_view without_offset(std::string_view symbol) {
  const std::size_t plus = symbol.rfind('+');
  if (plus == std::string_view::npos || plus + 1 >= symbol.size()) return trimmed(symbol);
  const std::string_view offset = trimmed(symbol.substr(plus + 1));
  const bool is_number = !offset.empty() && std::isdigit(static_cast<unsigned char>(offset.front())) != 0 &&
                         std::ranges::all_of(offset, [](unsigned char c) { return std::isxdigit(c) != 0 || c == 'x'; });
  return trimmed(is_number ? symbol.substr(0, plus) : symbol);
}

Frame make_frame(std::string_view symbol, std::string_view library) {
  return {demangle(std::string(without_offset(symbol))), base_name(trimmed(library))};
}

/// "frame #3: foo(int) + 0x1 (0x2 in /lib/lib.so)"
std::optional<Frame> read_c10_frame(std::string_view line) {
  if (!line.starts_with("frame #")) return std::nullopt;
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view rest = line.substr(colon + 1);
  std::string_view library;
  if (const std::size_t in = rest.rfind(" in "); in != std::string_view::npos && rest.ends_with(')')) {
    library = rest.substr(in + 4, rest.size() - in - 5);
    rest = rest.substr(0, std::min(rest.rfind("(0x", in), rest.size()));
  }
  const std::string_view symbol = trimmed(rest);
  return make_frame(symbol == "<unknown function>" || symbol.starts_with("<unknown function> ") ? "" : symbol, library);
}

/// "#3 0x2 in foo (a=1) at file.cpp:7", "#3 foo (a=1) from /lib/lib.so", "#3 0x2 in foo(int) /src/file.cpp:7:1",
/// "#3 0x2 (/lib/lib.so+0x1)"
std::optional<Frame> read_debugger_frame(std::string_view line) {
  if (line.size() < 2 || line.front() != '#' || std::isdigit(static_cast<unsigned char>(line[1])) == 0)
    return std::nullopt;
  line = trimmed(line.substr(std::min(line.find(' '), line.size())));
  if (line.starts_with("0x")) {
    line = trimmed(line.substr(std::min(line.find(' '), line.size())));
    if (line.starts_with("in ")) {
      line = trimmed(line.substr(3));
    } else if (line.starts_with('(')) {
      return make_frame("", without_offset(line.substr(1, line.find(')') - 1)));
    }
  }
  std::string_view library;
  if (const std::size_t from = line.rfind(" from /"); from != std::string_view::npos) {
    library = line.substr(from + 6);
    line = line.substr(0, from);
  } else if (const std::size_t in = line.rfind(" (/"); in != std::string_view::npos) {
    library = without_offset(line.substr(in + 2, line.find_first_of(")", in) - in - 2));
    line = line.substr(0, in);
  }
  for (const std::string_view place : {" at ", " /", " <null>"}) {
    if (const std::size_t found = line.rfind(place); found != std::string_view::npos) line = line.substr(0, found);
  }
  return make_frame(line, library);
}

/// "/lib/lib.so(_Z3foov+0x1)[0x2]", "/lib/lib.so(+0x1) [0x2]", "/lib/lib.so [0x2]"
std::optional<Frame> read_glibc_frame(std::string_view line) {
  const std::size_t address = line.rfind("[0x");
  if (address == std::string_view::npos) return std::nullopt;
  line = trimmed(line.substr(0, address));
  const std::size_t slash = line.rfind('/');
  const std::size_t open = line.find('(', slash == std::string_view::npos ? 0 : slash);
  if (open == std::string_view::npos) return make_frame("", line);
  const std::size_t close = line.rfind(')');
  if (close == std::string_view::npos || close < open) return std::nullopt;
  return make_frame(line.substr(open + 1, close - open - 1), line.substr(0, open));
}

std::optional<Frame> read_frame(std::string_view line) {
  line = trimmed(line);
  if (auto frame = read_c10_frame(line)) return frame;
  if (auto frame = read_debugger_frame(line)) return frame;
  return read_glibc_frame(line);
}

bool is_c_library(const Frame& frame) {
  constexpr std::array kLibraries{"libc.so", "libc-",   "libpthread", "ld-linux",  "linux-vdso",
                                  "libasan", "libtsan", "libubsan",   "libstdc++", "libgcc_s"};
  return std::ranges::any_of(kLibraries, [&](const char* name) { return frame.library.starts_with(name); });
}

bool is_way_into_handler(const Frame& frame) {
  if (frame.function == "<signal handler called>" || frame.function == "__restore_rt") return true;
  return frame.function.empty() && (frame.library.starts_with("libc.so") || frame.library.starts_with("libpthread"));
}

bool is_end_handler(const std::string& name) {
  constexpr std::array kWhole{"abort",
                              "raise",
                              "gsignal",
                              "killpg",
                              "kill",
                              "_start",
                              "clone",
                              "clone3",
                              "start_thread",
                              "main",
                              "backtrace",
                              "__restore_rt",
                              "<signal handler called>",
                              "std::terminate",
                              "_Unwind_Resume",
                              "_Unwind_RaiseException",
                              "__clang_call_terminate",
                              "c10::Error::Error",
                              "c10::ThrowEnforceNotMet",
                              "memcpy",
                              "memmove",
                              "memset"};
  constexpr std::array kBeginnings{"__libc_",     "__GI_",       "__pthread_",         "__assert",
                                   "__cxa_",      "__gnu_cxx::", "c10::detail::torch", "__interceptor_",
                                   "__sanitizer", "__asan"};
  return std::ranges::find(kWhole, name) != kWhole.end() ||
         std::ranges::any_of(kBeginnings, [&](const char* start) { return name.starts_with(start); });
}

std::vector<Frame> read_frames(std::string_view backtrace) {
  std::vector<Frame> frames;
  for (std::size_t lines = 0; !backtrace.empty() && lines < kMostLines; ++lines) {
    const std::size_t end = std::min(backtrace.find('\n'), backtrace.size());
    if (auto frame = read_frame(backtrace.substr(0, end))) frames.push_back(std::move(*frame));
    backtrace.remove_prefix(std::min(end + 1, backtrace.size()));
  }
  const auto first = frames.begin();
  const auto last_handler = first + static_cast<std::ptrdiff_t>(std::min(frames.size(), kMostHandlerFrames));
  const auto entered = std::find_if(first, last_handler, is_way_into_handler);
  if (entered != last_handler) frames.erase(first, entered + 1);
  return frames;
}

}  // namespace

std::vector<std::string> backtrace_functions(std::string_view backtrace, std::size_t most) {
  std::vector<std::string> functions;
  for (const Frame& frame : read_frames(backtrace)) {
    if (functions.size() >= most) break;
    if (is_c_library(frame)) continue;
    const std::string name = frame.function.empty() ? frame.library : function_name(frame.function);
    if (name.empty() || is_end_handler(name)) continue;
    if (functions.empty() || functions.back() != name) functions.push_back(name.substr(0, kLongestName));
  }
  return functions;
}

// Arguments and template arguments are whatever stands in brackets; "(anonymous namespace)" is not one, and operators
// may be spelled with brackets.
std::string function_name(std::string_view demangled) {
  constexpr std::string_view kAnonymous = "(anonymous namespace)", kOperator = "operator";
  std::string name;
  std::size_t word = 0;  // where the name begins, after a return type
  int depth = 0;
  for (std::size_t at = 0; at < demangled.size();) {
    const std::string_view rest = demangled.substr(at);
    if (depth == 0 && rest.starts_with(kAnonymous)) {
      name += kAnonymous;
      at += kAnonymous.size();
    } else if (depth == 0 && rest.starts_with(kOperator) &&
               (name.empty() || name.ends_with("::") || name.ends_with(' '))) {
      std::size_t end = at + kOperator.size();
      if (demangled.substr(end).starts_with("()")) end += 2;
      while (end < demangled.size() && std::string_view("<>=!+-*/%^&|~[],").find(demangled[end]) != std::string::npos)
        ++end;
      name += demangled.substr(at, end - at);
      at = end;
    } else {
      const char c = demangled[at++];
      if (c == '(' || c == '<' || c == '[') ++depth;
      if (depth == 0 && c == ' ' && at < demangled.size()) {
        const std::string_view after = demangled.substr(at);
        if (after.starts_with("const") || after.starts_with("[") || after.starts_with("volatile")) break;
        if (!after.starts_with("(")) word = name.size() + 1;
      }
      if (depth == 0) name += c;
      if ((c == ')' || c == '>' || c == ']') && depth > 0) --depth;
    }
  }
  name = name.substr(std::min(word, name.size()));
  while (!name.empty() && (name.back() == ' ' || name.back() == '&' || name.back() == '*')) name.pop_back();
  while (!name.empty() && (name.front() == '&' || name.front() == '*')) name.erase(0, 1);
  return name;
}

}  // namespace espalier
