#include "cluster/launch/slurm.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <sstream>

#include <fmt/format.h>

#include "base/error.h"
#include "cluster/launch/child_process.h"
#include "experiments/pools/pool_words.h"

namespace espalier {
namespace {

constexpr std::chrono::seconds kPatience{60};
constexpr const char* kRemedy =
    "log in to a node of the cluster where Slurm's commands are, or load Slurm's module; --dry-run works without";

/// sbatch's errors for a wrong request, as opposed to temporary ones.
constexpr std::array<std::string_view, 14> kWrongRequest{"invalid partition",
                                                         "Invalid account",
                                                         "Invalid qos",
                                                         "Invalid feature",
                                                         "Invalid node name",
                                                         "invalid option",
                                                         "unrecognized option",
                                                         "Invalid --",
                                                         "Invalid time limit",
                                                         kNoSuchNodes,
                                                         "Requested time limit is invalid",
                                                         "Invalid generic resource",
                                                         "More processors requested than permitted",
                                                         "Node count specification invalid"};

bool mentions(std::string_view text, std::string_view words) {
  const auto same = [](char a, char b) {
    return std::tolower(static_cast<unsigned char>(a)) == std::tolower(static_cast<unsigned char>(b));
  };
  return std::search(text.begin(), text.end(), words.begin(), words.end(), same) != text.end();
}

bool is_wrong_request(std::string_view said) {
  return std::ranges::any_of(kWrongRequest, [&](std::string_view words) { return mentions(said, words); });
}

AllocationState state_of(std::string_view word) {
  for (const std::string_view queued : {"PENDING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "SPECIAL_EXIT"}) {
    if (word == queued) return AllocationState::queued;
  }
  for (const std::string_view running : {"RUNNING", "CONFIGURING", "SUSPENDED", "RESIZING", "SIGNALING", "STOPPED"}) {
    if (word == running) return AllocationState::running;
  }
  return word == "COMPLETING" || word == "STAGE_OUT" ? AllocationState::ending : AllocationState::ended;
}

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  std::istringstream in{std::string(text)};
  for (std::string line; std::getline(in, line);) {
    if (!line.empty()) lines.push_back(line);
  }
  return lines;
}

/// In one line, without the program's own prefix.
std::string one_line(const std::string& said) {
  std::string text;
  for (std::string line : lines_of(said)) {
    const std::size_t error = line.find("error: ");
    if (error != std::string::npos) line = line.substr(error + 7);
    text += (text.empty() ? "" : "; ") + line.substr(0, 300);
  }
  return text.empty() ? "without a word" : text;
}

std::string name_of(const std::filesystem::path& program) {
  return program.filename().string();
}

CapturedOutput run(const std::filesystem::path& program, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), program.string());
  CapturedOutput said = capture_output(std::move(arguments), kPatience);
  if (!said.end)
    throw Error(ErrorKind::unavailable,
                fmt::format("{} did not answer within {} s", name_of(program), kPatience.count()));
  return said;
}

bool is_id(std::string_view text) {
  return !text.empty() && text.size() < 40 && is_scheduler_name(text);
}

}  // namespace

std::vector<BatchJobRow> parse_squeue(std::string_view text) {
  std::vector<BatchJobRow> rows;
  for (const std::string& line : lines_of(text)) {
    const std::size_t first = line.find('|'), second = line.find('|', first + 1);
    if (first == std::string::npos || second == std::string::npos || !is_id(line.substr(0, first)))
      throw Error(ErrorKind::corrupt, "squeue: expected ID|STATE|REASON, found \"" + line.substr(0, 100) + "\"");
    const std::string word = line.substr(first + 1, second - first - 1);
    rows.push_back({line.substr(0, first), state_of(word), word, line.substr(second + 1)});
  }
  return rows;
}

std::string explain_refusal(const std::string& said, const std::string& partition,
                            const std::vector<std::string>& partitions) {
  if (!mentions(said, "invalid partition")) return "Slurm refuses this pool: " + one_line(said);
  std::string text = partition.empty() ? "Slurm has no default partition; name one with --partition"
                                       : "--partition: Slurm has no partition \"" + partition + "\"";
  if (!partitions.empty()) text += fmt::format(" (it has {})", fmt::join(partitions, ", "));
  return text;
}

Slurm::Slurm()
    : sbatch_(find_program("sbatch", kRemedy)),
      squeue_(find_program("squeue", kRemedy)),
      scancel_(find_program("scancel", kRemedy)),
      sinfo_(find_program("sinfo", kRemedy)) {}

std::string Slurm::ask(const std::filesystem::path& program, std::vector<std::string> arguments) const {
  CapturedOutput said = run(program, std::move(arguments));
  if (said.end->exit_code != 0)
    throw Error(ErrorKind::unavailable, name_of(program) + " " + said.end->text + ": " + one_line(said.err));
  return std::move(said.out);
}

std::string Slurm::submit(const std::filesystem::path& script, const std::string& partition) const {
  const CapturedOutput said = run(sbatch_, {"--parsable", script.string()});
  if (said.end->exit_code != 0) {
    if (!is_wrong_request(said.err))
      throw Error(ErrorKind::unavailable, "sbatch " + said.end->text + ": " + one_line(said.err));
    const bool by_partition = mentions(said.err, "invalid partition");
    throw Error(ErrorKind::invalid_input,
                explain_refusal(said.err, partition, by_partition ? partitions() : std::vector<std::string>{}));
  }
  const std::string id = said.out.substr(0, said.out.find_first_of(";\n"));  // "17;cluster" among several clusters
  if (!is_id(id)) throw Error(ErrorKind::unavailable, "sbatch answered with no id: " + one_line(said.out));
  return id;
}

std::vector<BatchJobRow> Slurm::list(const std::string& title) const {
  return parse_squeue(ask(squeue_, {"--noheader", "--me", "--states=all", "--name=" + title, "--format=%i|%T|%r"}));
}

void Slurm::cancel(const std::string& id) const {
  ask(scancel_, {id});
}

std::vector<std::string> Slurm::partitions() const {
  return lines_of(ask(sinfo_, {"--noheader", "--format=%R"}));
}

std::map<std::string, std::vector<std::string>> Slurm::nodes_by_host() const {
  std::map<std::string, std::vector<std::string>> nodes;
  for (const std::string& line : lines_of(ask(sinfo_, {"--noheader", "--Node", "--format=%N|%n"}))) {
    const std::size_t bar = line.find('|');
    if (bar == std::string::npos) continue;
    std::vector<std::string>& of_host = nodes[line.substr(bar + 1)];
    const std::string node = line.substr(0, bar);
    if (std::ranges::find(of_host, node) == of_host.end()) of_host.push_back(node);
  }
  return nodes;
}

std::string submit_to_pbs(const std::filesystem::path& script) {
  const std::filesystem::path qsub = find_program("qsub", "log in to a node of the cluster where PBS's commands are");
  const CapturedOutput said = run(qsub, {script.string()});
  if (said.end->exit_code != 0) throw Error(ErrorKind::invalid_input, "PBS refuses this pool: " + one_line(said.err));
  const std::string id = said.out.substr(0, said.out.find('\n'));
  if (!is_id(id)) throw Error(ErrorKind::unavailable, "qsub answered with no id: " + one_line(said.out));
  return id;
}

}  // namespace espalier
