#include "orchestrator/worker_program.h"

#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <mutex>
#include <stop_token>
#include <thread>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "cluster/child_process.h"
#include "cluster/local_pool.h"

namespace espalier {
namespace {

constexpr std::chrono::seconds kExportLimit{600};
constexpr std::chrono::seconds kQuietFor{2};
constexpr long kLongestLookLimit = 86400;
constexpr std::size_t kMostPrinted = std::size_t{16} << 20;

/// Tells on stderr what we wait for, unless it is over soon.
class WaitingNotice {
 public:
  WaitingNotice(const std::string& about, std::chrono::seconds limit)
      : thread_([text = about + ": still waiting for espalier-worker, which runs the module's code; it gets " +
                        std::to_string(limit.count()) + " s"](const std::stop_token& over) {
          std::mutex mutex;
          std::unique_lock lock(mutex);
          std::condition_variable_any never;
          never.wait_for(lock, over, kQuietFor, [] { return false; });
          if (!over.stop_requested()) std::cerr << text << std::endl;
        }) {}

 private:
  std::jthread thread_;
};

std::chrono::seconds look_limit() {
  const char* text = std::getenv(kLookLimitVariable);
  if (text == nullptr || *text == '\0') return kDefaultLookLimit;
  char* end = nullptr;
  const long seconds = std::strtol(text, &end, 10);
  if (*end != '\0' || seconds < 1 || seconds > kLongestLookLimit) {
    throw Error(ErrorKind::invalid_input, std::string(kLookLimitVariable) + ": needs whole seconds from 1 to " +
                                              std::to_string(kLongestLookLimit) + ", not \"" + text + "\"");
  }
  return std::chrono::seconds(seconds);
}

nlohmann::json ask_worker(std::vector<std::string> command, const std::string& about, std::chrono::seconds limit,
                          const std::stop_token& stop = {}) {
  const WaitingNotice notice(about, limit);
  command.insert(command.begin(), find_worker().string());
  // What a module prints on stderr, and LibTorch's warnings, are nobody's business here.
  const CapturedOutput said = capture_output(std::move(command), limit, kMostPrinted, stop);
  const nlohmann::json answer = nlohmann::json::parse(said.end ? said.out : "", nullptr, false);
  if (!answer.is_object()) {
    throw Error(ErrorKind::invalid_input,
                about + (said.end ? ": espalier-worker crashed on it; is it a TorchScript file?"
                                  : ": its code did not come to an end within " + std::to_string(limit.count()) +
                                        " s, or printed without end; if it only is slow, " + kLookLimitVariable +
                                        "=SECONDS gives it longer"));
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

ScriptModel describe_torchscript(const std::string& path, const std::array<std::int64_t, 3>& input, bool keeps_shape,
                                 std::int64_t classes, const std::stop_token& stop) {
  // The worker takes a second to start; the commonest mistakes need none.
  if (::access(path.c_str(), R_OK) != 0) throw Error(ErrorKind::invalid_input, path + ": " + std::strerror(errno));
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored))
    throw Error(ErrorKind::invalid_input, path + ": is not a regular file");
  const std::string shape = std::to_string(input[0]) + "," + std::to_string(input[1]) + "," + std::to_string(input[2]);
  std::vector<std::string> command{"--describe-torchscript=" + path, "--input=" + shape,
                                   "--classes=" + std::to_string(classes)};
  if (keeps_shape) command.emplace_back("--keep-shape");
  const nlohmann::json answer = ask_worker(std::move(command), path, look_limit(), stop);
  return parse_script_model(answer.value("model", nlohmann::json::object()).dump());
}

void export_torchscript(const std::filesystem::path& path, const std::filesystem::path& tensors,
                        const std::filesystem::path& to) {
  ask_worker({"--export-torchscript=" + path.string(), "--tensors=" + tensors.string(), "--to=" + to.string()},
             path.string(), kExportLimit);
}

}  // namespace espalier
