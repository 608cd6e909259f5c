#include "orchestrator/worker_program.h"

#include <cerrno>
#include <chrono>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string_view>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "cluster/local_pool.h"

namespace espalier {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kMostSaid = std::size_t{16} << 20;
constexpr std::chrono::minutes kPatience{10};

/// A child whose answer is read from its stdout; killed if it still runs when we are done with it.
class Answering {
 public:
  explicit Answering(std::vector<std::string> command) {
    std::vector<char*> arguments;
    for (std::string& word : command) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) fail();
    const pid_t parent = ::getpid();
    pid_ = ::fork();
    if (pid_ == 0) {  // only async-signal-safe calls from here to exec
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (::getppid() != parent) ::_exit(127);
      const int nothing = ::open("/dev/null", O_RDWR);
      ::dup2(nothing, STDIN_FILENO);
      ::dup2(ends[1], STDOUT_FILENO);
      ::dup2(nothing, STDERR_FILENO);  // what a module prints, and LibTorch's warnings, are nobody's business here
      ::execv(arguments[0], arguments.data());
      ::_exit(127);
    }
    ::close(ends[1]);
    out_ = ends[0];
    if (pid_ < 0) fail();
  }
  ~Answering() {
    if (out_ >= 0) ::close(out_);
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  Answering(const Answering&) = delete;
  Answering& operator=(const Answering&) = delete;

  /// All that it says, up to its end. Empty if that comes too late or is too much.
  std::string answer() {
    const Clock::time_point end = Clock::now() + kPatience;
    std::string said;
    std::array<char, 65536> piece{};
    for (;;) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now()).count();
      pollfd waiting{out_, POLLIN, 0};
      const int ready = left > 0 ? ::poll(&waiting, 1, static_cast<int>(left)) : 0;
      if (ready < 0 && errno == EINTR) continue;
      if (ready <= 0) return "";
      const ssize_t count = ::read(out_, piece.data(), piece.size());
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) return said;
      said.append(piece.data(), static_cast<std::size_t>(count));
      if (said.size() > kMostSaid) return "";
    }
  }

 private:
  [[noreturn]] static void fail() {
    throw Error(ErrorKind::unavailable, std::string("espalier-worker cannot be started: ") + std::strerror(errno));
  }

  pid_t pid_ = -1;
  int out_ = -1;
};

nlohmann::json ask(std::vector<std::string> command, const std::string& about) {
  command.insert(command.begin(), find_worker().string());
  const std::string said = Answering(std::move(command)).answer();
  const nlohmann::json answer = nlohmann::json::parse(said, nullptr, false);
  if (!answer.is_object()) {
    throw Error(ErrorKind::invalid_input,
                about + ": espalier-worker crashed on it, or gave no answer in time; is it a TorchScript file?");
  }
  if (!answer.contains("error")) return answer;
  const nlohmann::json& error = answer["error"];
  throw Error(parse_error_kind(error.value("kind", "internal")), error.value("message", "no reason was given"));
}

}  // namespace

std::filesystem::path find_worker() {
  const std::filesystem::path beside =
      std::filesystem::read_symlink("/proc/self/exe").parent_path() / "espalier-worker";
  if (::access(beside.c_str(), X_OK) == 0) return beside;
  return find_program("espalier-worker", "it is built when LibTorch and MPI are found: ./dev build");
}

ScriptModel describe_torchscript(const std::string& path, const std::array<std::int64_t, 3>& input,
                                 std::int64_t classes) {
  // The worker takes a second to start; the commonest mistakes need none.
  if (::access(path.c_str(), R_OK) != 0) throw Error(ErrorKind::invalid_input, path + ": " + std::strerror(errno));
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored))
    throw Error(ErrorKind::invalid_input, path + ": is not a regular file");
  const std::string shape = std::to_string(input[0]) + "," + std::to_string(input[1]) + "," + std::to_string(input[2]);
  const nlohmann::json answer =
      ask({"--describe-torchscript=" + path, "--input=" + shape, "--classes=" + std::to_string(classes)}, path);
  return parse_script_model(answer.value("model", nlohmann::json::object()).dump());
}

void export_torchscript(const std::filesystem::path& path, const std::filesystem::path& tensors,
                        const std::filesystem::path& to) {
  ask({"--export-torchscript=" + path.string(), "--tensors=" + tensors.string(), "--to=" + to.string()}, path.string());
}

}  // namespace espalier
