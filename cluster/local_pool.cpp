#include "cluster/local_pool.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <signal.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

#include "base/error.h"
#include "cluster/launcher_environment.h"

namespace espalier {
namespace {

/// Opens the lock's file and takes it; -1 if somebody has it.
int try_lock(const std::filesystem::path& path) {
  const int lock = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (lock < 0)
    throw Error(ErrorKind::unavailable, path.string() + ": the pool's lock cannot be opened: " + std::strerror(errno));
  if (::flock(lock, LOCK_EX | LOCK_NB) == 0) return lock;
  ::close(lock);
  return -1;
}

/// The pid in the lock's file; none if it is not written yet.
pid_t holder_of(const std::filesystem::path& path) {
  std::ifstream in(path);
  long pid = -1;
  in >> pid;
  return static_cast<pid_t>(pid);
}

/// Without allocating: between fork and exec.
void write_pid(int lock, pid_t pid) {
  char text[24];
  char* begin = text + sizeof text;
  *--begin = '\n';
  for (; pid > 0; pid /= 10) *--begin = static_cast<char>('0' + pid % 10);
  if (::ftruncate(lock, 0) != 0 || ::pwrite(lock, begin, static_cast<std::size_t>(text + sizeof text - begin), 0) < 0)
    ::_exit(126);
}

/// One compute thread per rank, and mpirun willing to run as root as well: what the pool needs on top of our
/// environment, of which it gets nothing that belongs to another launcher.
std::vector<std::string> pool_environment() {
  // Ours come first: getenv answers with the first of two.
  std::vector<std::string> variables{"OMPI_ALLOW_RUN_AS_ROOT=1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1",
                                     "PRTE_ALLOW_RUN_AS_ROOT=1", "PRTE_ALLOW_RUN_AS_ROOT_CONFIRM=1",
                                     "OMP_NUM_THREADS=1",        "OPENBLAS_NUM_THREADS=1"};
  for (std::string& variable : environment_without_launcher()) variables.push_back(std::move(variable));
  return variables;
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

ProcessEnd describe_process_end(int status) {
  if (WIFSIGNALED(status)) {
    const int signal = WTERMSIG(status);
    return {signal, std::nullopt, "was killed by signal " + std::to_string(signal) + " (" + ::strsignal(signal) + ")"};
  }
  const int code = WEXITSTATUS(status);
  return {std::nullopt, code, "exited with code " + std::to_string(code)};
}

std::filesystem::path find_program(const std::string& name, const std::string& remedy) {
  const char* path = std::getenv("PATH");
  std::string folders = path == nullptr ? "" : path;
  folders.push_back(':');
  for (std::size_t begin = 0, end; (end = folders.find(':', begin)) != std::string::npos; begin = end + 1) {
    const std::filesystem::path candidate = std::filesystem::path(folders.substr(begin, end - begin)) / name;
    if (end > begin && ::access(candidate.c_str(), X_OK) == 0 && !std::filesystem::is_directory(candidate))
      return candidate;
  }
  throw Error(ErrorKind::unavailable, name + " was not found on PATH; " + remedy);
}

std::vector<std::string> local_pool_command(const LocalPool& pool) {
  std::vector<std::string> command{pool.mpirun.string(),
                                   "-np",
                                   std::to_string(pool.ranks),
                                   "--bind-to",
                                   "none",             // else two pools on a host share its first core
                                   "--oversubscribe",  // ranks above the cores are the user's choice
                                   pool.worker.string(),
                                   "--store",
                                   pool.store.string(),
                                   "--label",
                                   pool.name,
                                   "--ranks",
                                   std::to_string(pool.ranks),
                                   "--device",
                                   pool.device,
                                   "--checkpoint-every",
                                   std::to_string(pool.checkpoint_seconds),
                                   "--start-limit",
                                   std::to_string(pool.start_limit_seconds),
                                   "--hang-limit",
                                   std::to_string(pool.hang_seconds),
                                   "--grace",
                                   std::to_string(pool.grace_seconds)};
  if (pool.memory_gb) command.insert(command.end(), {"--memory-per-rank", std::to_string(*pool.memory_gb)});
  if (!pool.data.empty()) command.insert(command.end(), {"--data", pool.data.string()});
  return command;
}

LocalPoolProcess::LocalPoolProcess(const LocalPool& pool) : lock_(pool.lock) {
  std::error_code ignored;  // opening the lock tells
  std::filesystem::create_directories(lock_.parent_path(), ignored);
  const int lock = try_lock(lock_);
  if (lock >= 0) {
    start(pool, lock);
  } else {
    taken_over_ = true;
    pid_ = holder_of(lock_);
  }
}

// The lock goes with the open file, which the child inherits and we close: it is free as soon as mpirun is gone,
// however it went, and a pid that was given to somebody else since cannot mislead us.
void LocalPoolProcess::start(const LocalPool& pool, int lock) {
  std::vector<std::string> command = local_pool_command(pool);
  std::vector<std::string> environment = pool_environment();
  const std::vector<char*> arguments = pointers_to(command);
  const std::vector<char*> variables = pointers_to(environment);
  const int log = ::open(pool.log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  const int log_error = errno;
  if (log >= 0) pid_ = ::fork();
  if (pid_ == 0) {  // only async-signal-safe calls from here to exec
    ::setpgid(0, 0);
    write_pid(lock, ::getpid());
    ::fcntl(lock, F_SETFD, 0);
    const int nothing = ::open("/dev/null", O_RDONLY);
    ::dup2(nothing, 0);
    ::dup2(log, 1);
    ::dup2(log, 2);
    ::execve(arguments[0], arguments.data(), variables.data());
    ::_exit(127);
  }
  const int fork_error = errno;
  ::close(lock);
  if (log < 0)
    throw Error(ErrorKind::unavailable,
                pool.log.string() + ": the pool's log cannot be opened: " + std::strerror(log_error));
  ::close(log);
  if (pid_ < 0)
    throw Error(ErrorKind::unavailable,
                std::string("the pool's process could not be started: ") + std::strerror(fork_error));
}

LocalPoolProcess::~LocalPoolProcess() {
  if (poll_end()) return;
  kill();
  int status = 0;
  while (!taken_over_ && ::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
}

std::optional<ProcessEnd> LocalPoolProcess::poll_end() {
  if (end_) return end_;
  if (taken_over_) {
    const int lock = try_lock(lock_);
    if (lock < 0) return std::nullopt;
    ::close(lock);
    end_ = ProcessEnd{std::nullopt, std::nullopt, "ended"};
    return end_;
  }
  int status = 0;
  const pid_t ended = ::waitpid(pid_, &status, WNOHANG);
  if (ended == pid_) end_ = describe_process_end(status);
  if (ended < 0 && errno == ECHILD) end_ = ProcessEnd{std::nullopt, std::nullopt, "ended"};
  return end_;
}

void LocalPoolProcess::kill() {
  if (taken_over_ && pid_ <= 0) pid_ = holder_of(lock_);
  if (pid_ > 0 && !poll_end()) ::kill(pid_, SIGKILL);
}

}  // namespace espalier
