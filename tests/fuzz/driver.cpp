#include "tests/fuzz/driver.h"

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <exception>
#include <optional>
#include <sys/time.h>
#include <unistd.h>

#include "tests/fuzz/memory_meter.h"
#include "tests/fuzz/mutation.h"

// The code that crashed cannot report its crash. So the command that repeats an input is written down before it is
// handed over, and a signal handler, on a stack of its own, or the sanitizer's last call prints it.

extern "C" void __sanitizer_set_death_callback(void (*callback)()) __attribute__((weak));

namespace espalier {
namespace {

#ifdef __SANITIZE_ADDRESS__
constexpr double kMostSeconds = 6;  // three times the work, on a machine that shares its cores
#else
constexpr double kMostSeconds = 2;
#endif
constexpr long kHangSeconds = 10;
constexpr std::size_t kMostFindings = 20;

std::array<char, 256> present_command{};

void print_present() {
  constexpr std::string_view kLead = "\nthe input that did this: ";
  if (::write(STDERR_FILENO, kLead.data(), kLead.size()) < 0) return;
  if (::write(STDERR_FILENO, present_command.data(), std::char_traits<char>::length(present_command.data())) < 0)
    return;
  if (::write(STDERR_FILENO, "\n", 1) < 0) return;
}

extern "C" void on_fatal_signal(int number) {
  print_present();
  std::signal(number, SIG_DFL);
  std::raise(number);
}

void watch_for_crashes() {
  static std::array<char, 1 << 16> stack;
  if (__sanitizer_set_death_callback != nullptr) __sanitizer_set_death_callback(print_present);
  stack_t alternate{};
  alternate.ss_sp = stack.data();
  alternate.ss_size = stack.size();
  ::sigaltstack(&alternate, nullptr);
  struct sigaction action {};
  action.sa_handler = on_fatal_signal;
  action.sa_flags = SA_ONSTACK;
  ::sigaction(SIGPROF, &action, nullptr);
  if (__sanitizer_set_death_callback != nullptr) return;  // which handles the others better
  for (const int number : {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL}) ::sigaction(number, &action, nullptr);
}

/// The kernel's alarm by time on a core, so that a busy machine is no hang.
void set_alarm(long seconds) {
  const itimerval timer{{0, 0}, {seconds, 0}};
  ::setitimer(ITIMER_PROF, &timer, nullptr);
}

double core_seconds() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

/// Hands over one input. What it threw against its promise, if it did.
std::optional<std::string> hand_over(const FuzzTarget& target, const std::string& input, FuzzSummary& summary) {
  try {
    summary.accepted += target.read(input) ? 1 : 0;
  } catch (const Error& error) {
    if (std::ranges::find(target.refusals, error.kind()) != target.refusals.end()) return std::nullopt;
    return "an Error of kind " + std::string(to_string(error.kind())) + ": " + error.what();
  } catch (const std::exception& error) {
    return std::string("an exception that is no Error: ") + error.what();
  }
  return std::nullopt;
}

std::string megabytes(std::size_t bytes) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.2f MiB", static_cast<double>(bytes) / (1 << 20));
  return text.data();
}

}  // namespace

std::string replay_command(const FuzzTarget& target, std::uint64_t seed, std::uint64_t number) {
  return (target.command.empty() ? "fuzz_inputs " + target.name : target.command) + " 1 " + std::to_string(seed) + " " +
         std::to_string(number);
}

std::string escaped(std::string_view bytes, std::size_t most) {
  std::string text;
  for (const char c : bytes.substr(0, most)) {
    if (c >= ' ' && c <= '~' && c != '\\') {
      text += c;
      continue;
    }
    std::array<char, 8> code{};
    std::snprintf(code.data(), code.size(), "\\x%02x", static_cast<unsigned>(static_cast<unsigned char>(c)));
    text += code.data();
  }
  return bytes.size() > most ? text + "... (" + std::to_string(bytes.size()) + " bytes)" : text;
}

FuzzSummary fuzz(const FuzzTarget& target, std::uint64_t seed, std::uint64_t first, std::uint64_t count) {
  constexpr std::size_t kShown = 400;
  watch_for_crashes();
  FuzzSummary summary;
  for (std::uint64_t number = first; number < first + count && summary.findings.size() < kMostFindings; ++number) {
    const std::string input = fuzz_input(target, seed, number);
    std::snprintf(present_command.data(), present_command.size(), "%s", replay_command(target, seed, number).c_str());
    const MemoryMeter meter;
    const double before = core_seconds();
    set_alarm(kHangSeconds);
    std::optional<std::string> what = hand_over(target, input, summary);
    set_alarm(0);
    const double seconds = core_seconds() - before;
    const std::size_t held = meter.peak();
    ++summary.inputs;
    summary.seconds += seconds;
    if (seconds > summary.slowest_seconds) summary.slowest_seconds = seconds, summary.slowest = number;
    if (held > summary.most_held) summary.most_held = held, summary.most_held_by = number;
    if (!what && held > target.held_per_byte * input.size() + target.held_besides)
      what = megabytes(held) + " held for " + std::to_string(input.size()) + " bytes";
    if (!what && seconds > kMostSeconds) what = std::to_string(seconds) + " s";
    if (what) summary.findings.push_back({number, std::move(*what), escaped(input, kShown)});
  }
  return summary;
}

}  // namespace espalier
