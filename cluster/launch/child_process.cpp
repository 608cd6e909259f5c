#include "cluster/launch/child_process.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "base/error.h"
#include "base/own_file.h"

namespace espalier {
namespace {

/// Starts it, killed with us, with an empty standard input and its output in these files. Closes neither. Returns the
/// pid, or -1.
pid_t start(std::vector<std::string>& command, int out, int err) {
  std::vector<char*> arguments;
  for (std::string& word : command) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  // only async-signal-safe calls from here to exec
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);
  ::dup2(::open("/dev/null", O_RDONLY), STDIN_FILENO);
  ::dup2(out, STDOUT_FILENO);
  ::dup2(err, STDERR_FILENO);
  ::execv(arguments[0], arguments.data());
  ::_exit(127);
}

[[noreturn]] void cannot_start(const std::string& program) {
  throw Error(ErrorKind::unavailable, program + ": cannot be started: " + std::strerror(errno));
}

using Clock = std::chrono::steady_clock;

/// A pipe whose end for writing is handed to a child.
class Pipe {
 public:
  Pipe() {
    if (::pipe2(ends_.data(), O_CLOEXEC) != 0) cannot_start("a pipe");
  }
  ~Pipe() {
    close_writer();
    ::close(ends_[0]);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  int writer() const { return ends_[1]; }
  void close_writer() {
    if (ends_[1] >= 0) ::close(ends_[1]);
    ends_[1] = -1;
  }
  pollfd to_poll() const { return {open_ ? ends_[0] : -1, POLLIN, 0}; }
  bool open() const { return open_; }
  /// Reads the available bytes, up to `most` in all; true if there were more.
  bool read(std::string& into, std::size_t most) {
    std::array<char, 65536> piece{};
    const ssize_t count = ::read(ends_[0], piece.data(), piece.size());
    if (count < 0 && errno == EINTR) return false;
    open_ = count > 0;
    if (count <= 0) return false;
    const std::size_t room = most - std::min(most, into.size());
    into.append(piece.data(), std::min(static_cast<std::size_t>(count), room));
    return static_cast<std::size_t>(count) > room;
  }

 private:
  std::array<int, 2> ends_{};
  bool open_ = true;
};

}  // namespace

ChildProcess::ChildProcess(std::vector<std::string> command, const std::filesystem::path& output) {
  const int out = open_own_file(output, OwnFile::append);
  pid_ = start(command, out, out);
  ::close(out);
  if (pid_ < 0) cannot_start(command[0]);
}

ChildProcess::ChildProcess(pid_t pid) : pid_(pid) {}

ChildProcess::~ChildProcess() {
  if (!started() || poll_end()) return;
  ::kill(pid_, SIGKILL);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

std::optional<ProcessEnd> ChildProcess::poll_end() {
  if (end_) return end_;
  int status = 0;
  if (::waitpid(pid_, &status, WNOHANG) == pid_) end_ = describe_process_end(status);
  return end_;
}

void ChildProcess::signal(int number) {
  if (!poll_end()) ::kill(pid_, number);
}

CapturedOutput capture_output(std::vector<std::string> command, std::chrono::milliseconds limit, std::size_t most_bytes,
                              const std::stop_token& stop) {
  constexpr std::int64_t kStopCheckEvery = 100;  // ms: at `stop`
  const Clock::time_point deadline = Clock::now() + limit;
  Pipe out, err;
  ChildProcess child(start(command, out.writer(), err.writer()));
  if (!child.started()) cannot_start(command[0]);
  out.close_writer();
  err.close_writer();
  CapturedOutput captured;
  bool too_much = false;
  while ((out.open() || err.open()) && !too_much) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    std::array<pollfd, 2> waiting{out.to_poll(), err.to_poll()};
    if (left <= 0 || stop.stop_requested()) return captured;
    const int ready = ::poll(waiting.data(), waiting.size(), static_cast<int>(std::min(left, kStopCheckEvery)));
    if (ready == 0 || (ready < 0 && errno == EINTR)) continue;
    if (ready < 0) return captured;
    if (waiting[0].revents != 0) too_much = out.read(captured.out, most_bytes);
    if (waiting[1].revents != 0) err.read(captured.err, most_bytes);
  }
  while (!too_much && !(captured.end = child.poll_end()) && Clock::now() < deadline && !stop.stop_requested()) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return captured;
}

}  // namespace espalier
