// A handler may come at any moment, also within malloc: between it and the end of the process stand only calls that
// POSIX calls async-signal-safe, and backtrace(), which is so once libgcc has been loaded. What it reads was published
// by an atomic: the present work lies in one of two slots, and the other is written before they change places.
#include "worker/machine/crash_notes.h"

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <execinfo.h>
#include <fcntl.h>
#include <new>
#include <string_view>
#include <time.h>
#include <unistd.h>

#include <spdlog/spdlog.h>

#include "base/error.h"
#include "base/files.h"
#include "base/own_file.h"

namespace espalier {
namespace {

constexpr std::array kDeadly{SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
constexpr int kMostFrames = 64;
constexpr std::size_t kStackBytes = 128U << 10;
constexpr unsigned kLongestHandling_s = 10;
constexpr std::size_t kMostMessage = 500;

struct Work {
  std::uint64_t attempt = 0;
  std::array<char, 65> stage{'-'};
};

struct Record {
  int file = -1;
  std::atomic<bool> taken{false};  // by the first thread that writes the note
  std::array<Work, 2> work;
  std::atomic<unsigned> present{0};  // of the two
  std::array<char, kMostMessage> error_message{};
  std::atomic<bool> has_error_message{false};
  std::atomic<LossCause> abort_cause{LossCause::signal};
  std::atomic<bool> traced{false};
};
Record record;  // of this process; a handler can see nothing else

struct StackBounds {
  std::uintptr_t low = 0, high = 0;
};
thread_local StackBounds stack_bounds;

int backtrace_signal() {
  return SIGRTMIN + 3;  // mpirun passes USR1 and USR2 on
}

void put(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(record.file, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

void put_number(std::uint64_t number, unsigned base = 10) {
  std::array<char, 24> digits{};
  std::size_t first = digits.size();
  do digits[--first] = "0123456789abcdef"[number % base];
  while ((number /= base) != 0);
  put({digits.data() + first, digits.size() - first});
}

std::string_view name_of(int signal) {
  switch (signal) {
    case SIGSEGV:
      return "segmentation fault";
    case SIGBUS:
      return "bus error";
    case SIGFPE:
      return "arithmetic fault";
    case SIGILL:
      return "illegal instruction";
    default:
      return "aborted";
  }
}

void put_head(int signal, LossCause cause) {
  const Work& work = record.work[record.present.load(std::memory_order_acquire)];
  put("espalier-crash 1\nattempt ");
  put_number(work.attempt);
  put("\nstage ");
  put({work.stage.data(), ::strnlen(work.stage.data(), work.stage.size())});
  put("\nsignal ");
  put_number(static_cast<std::uint64_t>(signal));
  put("\ncause ");
  put(to_string(cause));  // a literal's view: safe here
  put("\nmessage ");
}

void put_backtrace() {
  std::array<void*, kMostFrames> frames{};
  const int count = ::backtrace(frames.data(), kMostFrames);
  ::backtrace_symbols_fd(frames.data(), count, record.file);
}

void pause_for(long milliseconds) {
  timespec time{milliseconds / 1000, milliseconds % 1000 * 1000000};
  ::nanosleep(&time, nullptr);
}

bool is_stack_overflow(std::uintptr_t address) {
  constexpr std::uintptr_t kNear = 1U << 20;  // a frame may be large; the guard page is just below the stack
  return stack_bounds.low != 0 && address + kNear > stack_bounds.low && address < stack_bounds.low + (kNear >> 4);
}

void put_reason(int signal, const siginfo_t& info) {
  if (record.has_error_message.load(std::memory_order_acquire)) {
    put(record.error_message.data());
    return;
  }
  put(name_of(signal));
  if (info.si_code <= 0) {  // kill, abort
    if (info.si_pid == ::getpid()) return;
    put(", sent by process ");
    put_number(static_cast<std::uint64_t>(info.si_pid));
    return;
  }
  const auto address = reinterpret_cast<std::uintptr_t>(info.si_addr);
  put(" at address 0x");
  put_number(address, 16);
  if (signal == SIGSEGV && is_stack_overflow(address)) put(": the stack overflowed");
}

void die_of(int signal) {
  struct sigaction usual {};
  usual.sa_handler = SIG_DFL;
  ::sigaction(signal, &usual, nullptr);
  sigset_t only;
  ::sigemptyset(&only);
  ::sigaddset(&only, signal);
  ::pthread_sigmask(SIG_UNBLOCK, &only, nullptr);
  ::raise(signal);
}

void on_deadly_signal(int signal, siginfo_t* info, void*) {
  if (record.taken.exchange(true)) {
    pause_for(2000);  // another thread is writing
    die_of(signal);
    return;
  }
  ::alarm(kLongestHandling_s);  // should the unwinder wait for a lock that this thread holds
  put_head(signal, record.abort_cause.load());
  put_reason(signal, *info);
  put("\nbacktrace\n");
  put_backtrace();
  die_of(signal);
}

void on_backtrace_signal(int) {
  const int kept = errno;
  put_backtrace();
  record.traced = true;
  errno = kept;
}

std::string one_line(std::string text) {
  for (char& one : text) {
    if (static_cast<unsigned char>(one) < ' ') one = ' ';
  }
  return text.substr(0, kMostMessage - 1);
}

void keep_error_message(std::string_view text) noexcept {
  std::size_t length = 0;
  for (const char one : text.substr(0, kMostMessage - 1))
    record.error_message[length++] = static_cast<unsigned char>(one) < ' ' ? ' ' : one;
  record.has_error_message.store(true, std::memory_order_release);
}

/// No std::string here: memory may be what ran out.
void on_terminate() {
  std::array<char, kMostMessage> text{};
  try {
    if (const std::exception_ptr error = std::current_exception()) std::rethrow_exception(error);
    std::strcpy(text.data(), "terminated without an exception");
  } catch (const std::bad_alloc&) {
    record.abort_cause = LossCause::oom_host;
    std::strcpy(text.data(), "out of memory where nothing could catch it");
  } catch (const std::exception& error) {
    std::strcpy(text.data(), "uncaught exception: ");
    std::strncat(text.data(), error.what(), text.size() - 1 - std::strlen(text.data()));
  } catch (...) {
    std::strcpy(text.data(), "uncaught exception of no known type");
  }
  keep_error_message(text.data());
  std::abort();
}

StackBounds bounds_of_this_stack() {
  pthread_attr_t attributes;
  if (::pthread_getattr_np(::pthread_self(), &attributes) != 0) return {};
  void* low = nullptr;
  std::size_t size = 0;
  ::pthread_attr_getstack(&attributes, &low, &size);
  ::pthread_attr_destroy(&attributes);
  return {reinterpret_cast<std::uintptr_t>(low), reinterpret_cast<std::uintptr_t>(low) + size};
}

}  // namespace

void start_crash_notes(const std::filesystem::path& path) {
  record.file = open_own_file(path, OwnFile::begin_anew);
  std::array<void*, 2> frames{};
  ::backtrace(frames.data(), static_cast<int>(frames.size()));  // loads libgcc, which a handler may not
  std::set_terminate(on_terminate);
  struct sigaction action {};
  action.sa_sigaction = on_deadly_signal;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  for (const int signal : kDeadly) ::sigaction(signal, &action, nullptr);
  struct sigaction trace {};
  trace.sa_handler = on_backtrace_signal;
  trace.sa_flags = SA_ONSTACK | SA_RESTART;
  ::sigaction(backtrace_signal(), &trace, nullptr);
}

SignalStack::SignalStack() : memory_(std::make_unique<char[]>(kStackBytes)) {
  stack_t stack{};
  stack.ss_sp = memory_.get();
  stack.ss_size = kStackBytes;
  if (::sigaltstack(&stack, nullptr) != 0) spdlog::warn("no stack for signal handlers: {}", std::strerror(errno));
  stack_bounds = bounds_of_this_stack();
}

SignalStack::~SignalStack() {
  stack_t none{};
  none.ss_flags = SS_DISABLE;
  ::sigaltstack(&none, nullptr);
}

void set_present_work(std::uint64_t attempt, const std::optional<StageKey>& stage) {
  const unsigned next = 1 - record.present.load(std::memory_order_relaxed);
  Work& work = record.work[next];
  work.attempt = attempt;
  const std::string name = stage ? to_hex(*stage) : "-";
  work.stage.fill('\0');
  name.copy(work.stage.data(), work.stage.size() - 1);
  record.present.store(next, std::memory_order_release);
}

void write_crash_note(LossCause cause, const std::string& message, std::optional<pthread_t> backtrace_of) {
  if (record.file < 0 || record.taken.exchange(true)) return;
  put_head(0, cause);
  put(one_line(message));
  put("\nbacktrace\n");
  if (!backtrace_of || ::pthread_equal(*backtrace_of, ::pthread_self()) != 0) return put_backtrace();
  if (::pthread_kill(*backtrace_of, backtrace_signal()) != 0) return;
  for (int i = 0; i < 200 && !record.traced; ++i) pause_for(10);
}

void write_crash_note(const std::filesystem::path& path, const CrashNote& note) {
  const std::string text = "espalier-crash 1\nattempt " + std::to_string(note.attempt) + "\nstage " +
                           (note.stage ? to_hex(*note.stage) : "-") + "\nsignal " + std::to_string(note.signal) +
                           "\ncause " + std::string(to_string(note.cause)) + "\nmessage " + one_line(note.message) +
                           "\nbacktrace\n" + note.backtrace;
  try {
    write_file_atomically(path, text);
  } catch (const Error& error) {
    spdlog::warn("{}", error.what());
  }
}

}  // namespace espalier
