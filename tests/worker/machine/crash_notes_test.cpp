#include "worker/machine/crash_notes.h"

#include <csignal>
#include <functional>
#include <stdexcept>
#include <sys/resource.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include <gtest/gtest.h>

#include "base/files.h"

// Each disaster happens to a child; the parent reads what it left.

namespace espalier {
namespace {

volatile int g_sink = 0;

[[gnu::noinline]] int fall_down_a_well(int depth) {
  volatile char frame[512];
  frame[0] = static_cast<char>(depth);
  g_sink = frame[0];
  return depth < 0 ? 0 : fall_down_a_well(depth + 1) + frame[0];
}

[[gnu::noinline]] void write_to_nowhere() {
  volatile int* nowhere = nullptr;
  *nowhere = 1;
}

class CrashNotes : public testing::Test {
 protected:
  CrashNotes() : path_(std::filesystem::temp_directory_path() / ("espalier_note" + std::to_string(::getpid()))) {}
  ~CrashNotes() override { std::filesystem::remove(path_); }

  /// How a child ended that ran attempt 41 and then this; as waitpid says it.
  int end_of(const std::function<void()>& disaster) {
    const pid_t child = ::fork();
    if (child == 0) {
      const rlimit no_core{0, 0};
      ::setrlimit(RLIMIT_CORE, &no_core);
      start_crash_notes(path_);
      const SignalStack stack;
      set_present_work(40, {});
      set_present_work(41, key_);
      disaster();
      ::_exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return status;
  }
  CrashNote note() const { return read_crash_note(path_).value_or(CrashNote{}); }

  const std::filesystem::path path_;
  const StageKey key_{sha256("a stage")};
};

TEST_F(CrashNotes, AWriteToNowhereIsNamedAndStillASegfault) {
  const int status = end_of(write_to_nowhere);
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), SIGSEGV);
  const CrashNote read = note();
  EXPECT_EQ(read.attempt, 41U);
  EXPECT_EQ(read.stage, key_);
  EXPECT_EQ(read.signal, SIGSEGV);
  EXPECT_EQ(read.cause, LossCause::signal);
  EXPECT_EQ(read.message, "segmentation fault at address 0x0");
  EXPECT_GT(std::count(read.backtrace.begin(), read.backtrace.end(), '\n'), 3) << read.backtrace;
}

TEST_F(CrashNotes, TheOverflowOfAnotherThreadsStack) {
  const int status = end_of([] {
    std::thread([] {
      const SignalStack stack;
      fall_down_a_well(0);
    }).join();
  });
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), SIGSEGV);
  const CrashNote read = note();
  EXPECT_EQ(read.attempt, 41U);
  EXPECT_NE(read.message.find("the stack overflowed"), std::string::npos) << read.message;
  EXPECT_FALSE(read.backtrace.empty());
}

TEST_F(CrashNotes, TheOverflowOfTheMainThreadsStack) {
  const int status = end_of([] { fall_down_a_well(0); });
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(note().signal, SIGSEGV);
  EXPECT_NE(note().message.find("the stack overflowed"), std::string::npos) << note().message;
}

TEST_F(CrashNotes, AbortAndASignalFromElsewhere) {
  int status = end_of([] { std::abort(); });
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), SIGABRT);
  EXPECT_EQ(note().signal, SIGABRT);
  EXPECT_EQ(note().message, "aborted");
  status = end_of([] {
    const pid_t parent = ::getpid();
    if (::fork() == 0) {
      ::kill(parent, SIGBUS);
      ::_exit(0);
    }
    while (true) ::pause();
  });
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), SIGBUS);
  EXPECT_EQ(note().message.rfind("bus error, sent by process ", 0), 0U) << note().message;
}

TEST_F(CrashNotes, AnUncaughtExceptionSaysWhatItWas) {
  const int status = end_of([] { std::thread([] { throw std::runtime_error("one\nand two"); }).join(); });
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), SIGABRT);
  EXPECT_EQ(note().message, "uncaught exception: one and two");
  EXPECT_EQ(note().cause, LossCause::signal);
  end_of([] { std::thread([] { throw std::bad_alloc(); }).join(); });
  EXPECT_EQ(note().cause, LossCause::oom_host);
  EXPECT_EQ(note().signal, SIGABRT);
}

TEST_F(CrashNotes, NormalCodeWritesItWithTheBacktraceOfAnother) {
  const int status = end_of([] {
    std::thread hangs([] {
      const SignalStack stack;
      while (true) g_sink = g_sink + 1;
    });
    write_crash_note(LossCause::hung, "no progress\nfor 121 s", hangs.native_handle());
    write_crash_note(LossCause::error, "the first note stays");
    ::_exit(86);
  });
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 86);
  const CrashNote read = note();
  EXPECT_EQ(read.attempt, 41U);
  EXPECT_EQ(read.signal, 0);
  EXPECT_EQ(read.cause, LossCause::hung);
  EXPECT_EQ(read.message, "no progress for 121 s");
  EXPECT_FALSE(read.backtrace.empty());
}

TEST_F(CrashNotes, AStartEmptiesTheNoteAndAGoodEndLeavesItSo) {
  end_of(write_to_nowhere);
  EXPECT_EQ(end_of([] {}), 0);
  EXPECT_FALSE(read_crash_note(path_));
}

TEST_F(CrashNotes, ForARankThatCannotWriteItsOwn) {
  write_crash_note(path_, {7, key_, 0, LossCause::heartbeat, "silent\nfor 31 s", ""});
  const CrashNote read = note();
  EXPECT_EQ(read.attempt, 7U);
  EXPECT_EQ(read.stage, key_);
  EXPECT_EQ(read.cause, LossCause::heartbeat);
  EXPECT_EQ(read.message, "silent for 31 s");
}

}  // namespace
}  // namespace espalier
