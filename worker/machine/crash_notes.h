#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <pthread.h>
#include <string>

#include "cluster/postmortem/crash_note.h"

namespace espalier {

// Writes the notes that cluster/postmortem/crash_note.h reads. A signal handler cannot reach our objects, so its data
// are a global record: one note per process.

/// Opens the note and empties it. From now on SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT and uncaught exceptions write
/// it, with the backtrace of the thread that they hit; then the process ends as it would have without us. Main thread,
/// once, before other threads start and after MPI_Init (which installs its own handlers). Errors: those of
/// open_own_file.
void start_crash_notes(const std::filesystem::path& path);

/// An alternate signal stack for the calling thread, so that a stack overflow is noted too. One per thread; made and
/// destroyed there.
class SignalStack {
 public:
  SignalStack();
  ~SignalStack();
  SignalStack(const SignalStack&) = delete;
  SignalStack& operator=(const SignalStack&) = delete;

 private:
  std::unique_ptr<char[]> memory_;
};

/// Sets what the compute thread runs; called by that thread only. Attempt 0: nothing.
void set_present_work(std::uint64_t attempt, const std::optional<StageKey>& stage);

/// Writes the note from normal code, with the backtrace of a thread: by default the caller's. Without a backtrace if
/// the thread does not answer within two seconds. The first note is kept. Any thread.
void write_crash_note(LossCause cause, const std::string& message, std::optional<pthread_t> backtrace_of = {});

/// Writes a whole note for a rank that cannot write its own. Never throws: a failed write must not delay the exit.
void write_crash_note(const std::filesystem::path& path, const CrashNote& note);

}  // namespace espalier
