#include "cluster/launch/local_pool_process.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

#include "base/error.h"
#include "base/file_lock.h"
#include "base/files.h"
#include "base/own_file.h"
#include "base/sha256.h"
#include "cluster/auth/secret_file.h"
#include "cluster/launch/launcher_environment.h"

namespace espalier {
namespace {

/// Above /proc/PID/stat's line, whatever the program is called.
constexpr std::size_t kStatBytes = 1024;
constexpr int kStartField = 22;
constexpr int kFieldAfterName = 3;

int try_pool_lock(const std::filesystem::path& path) {
  struct stat status {};
  // The text names the process we kill: refuse it, also as root, if another user may write it.
  if (::lstat(path.c_str(), &status) == 0 && status.st_uid != ::geteuid()) {
    throw Error(ErrorKind::unavailable, path.string() + ": this lock belongs to another user (" +
                                            std::to_string(status.st_uid) +
                                            "); remove it, or run as the user whose store this is");
  }
  try {
    return try_file_lock(path);
  } catch (const Error& error) {
    throw Error(ErrorKind::unavailable, error.what());
  }
}

/// Releases the lock if that fails.
int open_pool_log(const std::filesystem::path& path, int lock) {
  try {
    return open_own_file(path, OwnFile::append);
  } catch (const Error& error) {
    ::close(lock);
    throw Error(ErrorKind::unavailable, error.what());
  }
}

/// When the process began, in the kernel's ticks since the machine did: with the pid it names one process. 0 if there
/// is none. Without allocating: between fork and exec.
unsigned long long process_start(const char* stat_file) {
  char text[kStatBytes] = {};
  const int file = ::open(stat_file, O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  const ssize_t count = ::read(file, text, sizeof text - 1);
  ::close(file);
  const char* at = count > 0 ? std::strrchr(text, ')') : nullptr;  // the name may hold any other character
  for (int field = kFieldAfterName - 1; at != nullptr && field < kStartField; ++field) at = std::strchr(at + 1, ' ');
  return at == nullptr ? 0 : std::strtoull(at, nullptr, 10);
}

unsigned long long process_start(pid_t pid) {
  return process_start(("/proc/" + std::to_string(pid) + "/stat").c_str());
}

char* put_number(char* end, unsigned long long number) {
  do *--end = static_cast<char>('0' + number % 10);
  while ((number /= 10) > 0);
  return end;
}

/// "PID START" of this process. Without allocating: between fork and exec.
void write_holder(int lock) {
  char text[64];
  char* const end = text + sizeof text;
  char* begin = end;
  *--begin = '\n';
  begin = put_number(begin, process_start("/proc/self/stat"));
  *--begin = ' ';
  begin = put_number(begin, static_cast<unsigned long long>(::getpid()));
  if (!write_lock_text(lock, {begin, static_cast<std::size_t>(end - begin)})) ::_exit(126);
}

/// One compute thread per rank, and mpirun may run as root: the pool's additions to our environment, without the
/// variables of another launcher.
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
                                   "--identity-file",
                                   pool.identity.string(),
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

std::string read_pool_identity(const std::filesystem::path& file) {
  constexpr std::uintmax_t kMostBytes = 200;
  return read_secret_file(file, kMostBytes, "identity of a pool");
}

LocalPoolProcess::LocalPoolProcess(const LocalPool& pool) : lock_(pool.lock) {
  std::error_code ignored;  // opening the lock reports it
  std::filesystem::create_directories(lock_.parent_path(), ignored);
  const int lock = try_pool_lock(lock_);
  if (lock >= 0) {
    start(pool, lock);
  } else {
    taken_over_ = true;
    read_holder();
  }
}

void LocalPoolProcess::read_holder() {
  std::ifstream in(lock_);
  long pid = -1;
  in >> pid >> started_;
  pid_ = static_cast<pid_t>(pid);
}

// The lock goes with the open file, which the child inherits and we close: it is free as soon as mpirun is gone,
// however it ended, and a reused pid cannot mislead us.
void LocalPoolProcess::start(const LocalPool& pool, int lock) {
  write_file_atomically(pool.identity, to_hex(sha256(random_bytes(32))), 0600);
  std::vector<std::string> command = local_pool_command(pool);
  std::vector<std::string> environment = pool_environment();
  const std::vector<char*> arguments = pointers_to(command);
  const std::vector<char*> variables = pointers_to(environment);
  const int log = open_pool_log(pool.log, lock);
  pid_ = ::fork();
  if (pid_ == 0) {  // only async-signal-safe calls from here to exec
    ::setpgid(0, 0);
    write_holder(lock);
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
    const int lock = try_pool_lock(lock_);
    if (lock < 0) return std::nullopt;
    ::close(lock);
    end_ = ProcessEnd{std::nullopt, std::nullopt, "ended"};
  } else {
    int status = 0;
    const pid_t ended = ::waitpid(pid_, &status, WNOHANG);
    if (ended == pid_) end_ = describe_process_end(status);
    if (ended < 0 && errno == ECHILD) end_ = ProcessEnd{std::nullopt, std::nullopt, "ended"};
  }
  if (end_) forget_holder();
  return end_;
}

// Its pid may be reused by the time it is read.
void LocalPoolProcess::forget_holder() const {
  try {
    const int lock = try_pool_lock(lock_);
    if (lock < 0) return;  // a process of the pool still runs, or another coordinator has begun
    write_lock_text(lock, "");
    ::close(lock);
  } catch (const Error&) {  // harmless: the start time identifies the process
  }
}

void LocalPoolProcess::kill() {
  if (taken_over_ && pid_ <= 0) read_holder();
  if (pid_ <= 0 || poll_end()) return;
  if (!taken_over_ || (started_ != 0 && process_start(pid_) == started_)) ::kill(pid_, SIGKILL);
}

}  // namespace espalier
