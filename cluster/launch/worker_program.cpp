#include "cluster/launch/worker_program.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <stop_token>
#include <unistd.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/utf8.h"
#include "base/waiting_notice.h"
#include "cluster/launch/child_process.h"
#include "cluster/launch/local_pool_process.h"
#include "experiments/models/network_file.h"

namespace espalier {
namespace {

constexpr std::chrono::seconds kExportLimit{600};
constexpr long kLongestQueryLimit = 86400;
constexpr std::size_t kMostPrinted = std::size_t{16} << 20;

std::chrono::seconds query_limit() {
  const char* text = std::getenv(kQueryLimitVariable);
  if (text == nullptr || *text == '\0') return kDefaultQueryLimit;
  char* end = nullptr;
  const long seconds = std::strtol(text, &end, 10);
  if (*end != '\0' || seconds < 1 || seconds > kLongestQueryLimit) {
    throw Error(ErrorKind::invalid_input, std::string(kQueryLimitVariable) + ": needs whole seconds from 1 to " +
                                              std::to_string(kLongestQueryLimit) + ", not \"" + text + "\"");
  }
  return std::chrono::seconds(seconds);
}

/// Why there was no answer.
std::string no_answer(const CapturedOutput& said, std::chrono::seconds limit) {
  if (said.out.size() >= kMostPrinted) return "its code printed without end";
  if (!said.end) {
    return fmt::format(
        "its code did not come to an end within {} s; if it only is slow, {}=SECONDS gives it longer, in the "
        "environment of espalier (of its serve, for submitted sweeps)",
        limit.count(), kQueryLimitVariable);
  }
  return fmt::format("espalier-worker, which ran its code, {} and gave no answer; is it a TorchScript file?",
                     said.end->text);
}

/// What takes the worker its time, for a person who waits.
constexpr const char* kRunsModule = "runs the module's code";
constexpr const char* kTriesFile = "writes the network and tries what it has written";

nlohmann::json ask_worker(std::vector<std::string> command, const std::string& about, std::chrono::seconds limit,
                          const std::stop_token& stop = {}, const char* what_it_does = kRunsModule) {
  const WaitingNotice notice(printable(fmt::format("{}: still waiting for espalier-worker, which {}; it gets {} s ({})",
                                                   about, what_it_does, limit.count(), kQueryLimitVariable)));
  command.insert(command.begin(), find_worker().string());
  // Output of a module on stderr, and LibTorch's warnings, are ignored here.
  const CapturedOutput said = capture_output(std::move(command), limit, kMostPrinted, stop);
  const nlohmann::json answer = nlohmann::json::parse(said.end ? said.out : "", nullptr, false);
  if (!answer.is_object()) throw Error(ErrorKind::invalid_input, about + ": " + no_answer(said, limit));
  if (!answer.contains("error")) return answer;
  const nlohmann::json& error = answer["error"];
  throw Error(parse_error_kind(error.value("kind", "internal")), error.value("message", "no reason was given"));
}

/// The worker takes a second to start; the commonest mistakes need none.
void need_readable(const std::string& path) {
  if (::access(path.c_str(), R_OK) != 0) throw Error(ErrorKind::invalid_input, path + ": " + std::strerror(errno));
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored))
    throw Error(ErrorKind::invalid_input, path + ": is not a regular file");
}

std::string words(const std::array<std::int64_t, 3>& input) {
  return std::to_string(input[0]) + "," + std::to_string(input[1]) + "," + std::to_string(input[2]);
}

void add_words(const NetworkImport& wanted, std::vector<std::string>& command) {
  command.insert(command.end(), {"--format=" + wanted.format, "--input=" + words(wanted.input),
                                 "--classes=" + std::to_string(wanted.classes)});
  if (wanted.keeps_shape) command.emplace_back("--keep-shape");
  if (!wanted.output.empty()) command.push_back("--output=" + wanted.output);
}

ModelFile model_of(const nlohmann::json& answer) {
  ModelFile model = parse_spec<ModelFile>(answer.value("model", nlohmann::json::object()).dump());
  model.remarks = answer.value("remarks", std::vector<std::string>());
  model.lone_example = answer.value("lone_example", "");
  model.batch_norm = answer.value("batch_norm", false);
  model.obstacle = answer.value("obstacle", "");
  return model;
}

}  // namespace

std::filesystem::path find_worker() {
  const std::filesystem::path beside =
      std::filesystem::read_symlink("/proc/self/exe").parent_path() / "espalier-worker";
  if (::access(beside.c_str(), X_OK) == 0) return beside;
  return find_program("espalier-worker", "it is built when LibTorch and MPI are found: ./dev build");
}

ModelFile describe_torchscript(const std::string& path, const std::array<std::int64_t, 3>& input, bool keeps_shape,
                               std::int64_t classes, const std::stop_token& stop) {
  need_readable(path);
  std::vector<std::string> command{"--describe-torchscript=" + path, "--input=" + words(input),
                                   "--classes=" + std::to_string(classes)};
  if (keeps_shape) command.emplace_back("--keep-shape");
  return model_of(ask_worker(std::move(command), path, query_limit(), stop));
}

ModelFile import_network(const NetworkImport& wanted, const std::filesystem::path& to, const std::stop_token& stop) {
  need_readable(wanted.path);
  std::vector<std::string> command{"--import-network=" + wanted.path, "--to=" + to.string()};
  add_words(wanted, command);
  ModelFile model = model_of(ask_worker(std::move(command), wanted.path, query_limit(), stop));
  if (model.is_graph) model.graph = std::make_shared<const OperatorGraph>(read_network_graph(to));
  return model;
}

void export_module(const NetworkImport& from, const std::string& content, const std::filesystem::path& tensors,
                   const std::filesystem::path& to) {
  std::vector<std::string> command{"--export-torchscript=" + from.path, "--tensors=" + tensors.string(),
                                   "--to=" + to.string()};
  if (!content.empty()) {
    command.push_back("--content=" + content);
    add_words(from, command);
  }
  ask_worker(std::move(command), from.path, std::max(kExportLimit, query_limit()));
}

void export_graph(const std::filesystem::path& network, const std::string& format, const std::filesystem::path& to) {
  ask_worker({"--export-graph=" + network.string(), "--format=" + format, "--to=" + to.string()}, "export to " + format,
             std::max(kExportLimit, query_limit()), {}, kTriesFile);
}

std::vector<std::string> make_smaller(const std::filesystem::path& network, const std::filesystem::path& to) {
  const nlohmann::json answer =
      ask_worker({"--make-smaller=" + network.string(), "--to=" + to.string()}, "export of the smaller network",
                 std::max(kExportLimit, query_limit()), {}, kTriesFile);
  return answer.value("staying", std::vector<std::string>());
}

}  // namespace espalier
