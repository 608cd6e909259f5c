#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace espalier {

/// The state of an allocation.
enum class AllocationState {
  queued,  ///< it has not begun, or was requeued
  running,
  ending,  ///< its processes are being ended: it may still be requeued
  ended
};

struct BatchJobRow {
  std::string id;
  AllocationState state = AllocationState::queued;
  std::string word;    ///< Slurm's own: "PENDING", "TIMEOUT"
  std::string reason;  ///< why it is queued: "Priority", "Resources"; "None"
};

/// sbatch's error if no nodes satisfy the request.
inline constexpr std::string_view kNoSuchNodes = "Requested node configuration is not available";

/// Parses the output of `squeue --format=%i|%T|%r`. Pure. Errors: ErrorKind::corrupt for another text.
std::vector<BatchJobRow> parse_squeue(std::string_view text);

/// The message for the user after sbatch refused, from its output. `partitions`: the existing ones; may be empty.
std::string explain_refusal(const std::string& said, const std::string& partition,
                            const std::vector<std::string>& partitions);

/// Slurm's commands, each started without a shell, with a timeout of a minute. Errors of the members:
/// ErrorKind::unavailable if Slurm does not answer, or reports that it cannot now.
class Slurm {
 public:
  /// Errors: ErrorKind::unavailable if they are not on PATH.
  Slurm();

  /// Returns the new allocation's id. `partition` as asked for, for the message.
  /// Errors: ErrorKind::invalid_input if Slurm refuses the request.
  std::string submit(const std::filesystem::path& script, const std::string& partition) const;
  /// Our own allocations of that title, including recently ended ones.
  std::vector<BatchJobRow> list(const std::string& title) const;
  void cancel(const std::string& id) const;
  std::vector<std::string> partitions() const;
  /// The Slurm nodes of each host; most hosts are one node of the same name.
  std::map<std::string, std::vector<std::string>> nodes_by_host() const;

 private:
  std::string ask(const std::filesystem::path& program, std::vector<std::string> arguments) const;

  const std::filesystem::path sbatch_, squeue_, scancel_, sinfo_;
};

/// Submits a script with `qsub`; returns its id. Errors: as Slurm::submit.
std::string submit_to_pbs(const std::filesystem::path& script);

}  // namespace espalier
