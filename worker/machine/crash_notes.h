#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <pthread.h>
#include <string>

#include "cluster/postmortem/crash_note.h"

namespace espalier {

// Writes what cluster/postmortem/crash_note.h reads. A signal handler sees no object of ours, so what it needs is a
// record of this process: there is one note a process, as there is one end.

/// Opens the note and empties it. From now on SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT and uncaught exceptions write
/// it, with the backtrace of the thread that they hit; then the process ends as it would have without us. Main thread,
/// once, before other threads start and after MPI_Init (which has handlers of its own). Errors: those of
/// open_own_file.
void start_crash_notes(const std::filesystem::path& path);

/// A stack of the calling thread's own for signal handlers, so that the overflow of its stack is noted, too. One a
/// thread; made and destroyed there.
class SignalStack {
 public:
  SignalStack();
  ~SignalStack();
  SignalStack(const SignalStack&) = delete;
  SignalStack& operator=(const SignalStack&) = delete;

 private:
  std::unique_ptr<char[]> memory_;
};

/// What the compute thread is at: told by that thread alone. Attempt 0: nothing.
void set_present_work(std::uint64_t attempt, const std::optional<StageKey>& stage);

/// Writes the note from normal code, with the backtrace of a thread: by default the caller's. A thread that does not
/// answer within two seconds leaves none. The first note stays. Any thread.
void write_crash_note(LossCause cause, const std::string& message, std::optional<pthread_t> backtrace_of = {});

/// A whole note for a rank that cannot write its own. Never throws: a note that cannot be written is no reason to stay.
void write_crash_note(const std::filesystem::path& path, const CrashNote& note);

}  // namespace espalier
