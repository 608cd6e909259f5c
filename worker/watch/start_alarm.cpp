#include "worker/watch/start_alarm.h"

#include <cmath>
#include <signal.h>
#include <sys/time.h>
#include <unistd.h>

namespace espalier {
namespace {

/// A handler: only async-signal-safe calls.
void end_for_want_of_start(int) {
  constexpr char kSentence[] =
      "espalier-worker: MPI did not start within --start-limit: the launcher, the network between the ranks or another "
      "rank hangs; this rank ends, so that the pool is started again\n";
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, kSentence, sizeof kSentence - 1);
  ::_exit(kExitStartLimit);
}

void set_alarm(double seconds) {
  const double whole = std::floor(seconds);
  itimerval timer{};
  timer.it_value.tv_sec = static_cast<time_t>(whole);
  timer.it_value.tv_usec = static_cast<suseconds_t>((seconds - whole) * 1e6);
  ::setitimer(ITIMER_REAL, &timer, nullptr);
}

}  // namespace

StartAlarm::StartAlarm(double seconds) {
  if (seconds <= 0) return;
  struct sigaction action {};
  action.sa_handler = end_for_want_of_start;
  ::sigaction(SIGALRM, &action, nullptr);
  set_alarm(seconds);
}

void StartAlarm::cancel() {
  set_alarm(0);
  ::signal(SIGALRM, SIG_DFL);
}

}  // namespace espalier
