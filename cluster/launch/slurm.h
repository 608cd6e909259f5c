#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace espalier {

/// Where an allocation is in its life.
enum class AllocationState {
  queued,  ///< it has not begun, or was requeued
  running,
  ending,  ///< its processes are being ended: it may be requeued yet
  ended
};

struct BatchJobRow {
  std::string id;
  AllocationState state = AllocationState::queued;
  std::string word;    ///< Slurm's own: "PENDING", "TIMEOUT"
  std::string reason;  ///< why it waits: "Priority", "Resources"; "None"
};

/// What sbatch says where no nodes can be what is asked for.
inline constexpr std::string_view kNoSuchNodes = "Requested node configuration is not available";

/// What `squeue --format=%i|%T|%r` printed. Pure. Errors: ErrorKind::corrupt for another text.
std::vector<BatchJobRow> parse_squeue(std::string_view text);

/// The sentence for a user whom sbatch refused, from what it said. `partitions`: those that there are; may be empty.
std::string explain_refusal(const std::string& said, const std::string& partition,
                            const std::vector<std::string>& partitions);

/// Slurm's commands, each started without a shell and given a minute. Errors of the members: ErrorKind::unavailable if
/// Slurm does not answer, or says that it cannot now.
class Slurm {
 public:
  /// Errors: ErrorKind::unavailable if they are not on PATH.
  Slurm();

  /// Returns the new allocation's id. `partition` as asked for, for the message.
  /// Errors: ErrorKind::invalid_input if Slurm refuses what is asked for.
  std::string submit(const std::filesystem::path& script, const std::string& partition) const;
  /// Our own allocations of that title, those that ended lately included.
  std::vector<BatchJobRow> list(const std::string& title) const;
  void cancel(const std::string& id) const;
  std::vector<std::string> partitions() const;
  /// The nodes that each host is; most hosts are one, called as they are.
  std::map<std::string, std::vector<std::string>> nodes_by_host() const;

 private:
  std::string ask(const std::filesystem::path& program, std::vector<std::string> arguments) const;

  const std::filesystem::path sbatch_, squeue_, scancel_, sinfo_;
};

/// Hands a script to `qsub`; the id that it answers with. Errors: as Slurm::submit.
std::string submit_to_pbs(const std::filesystem::path& script);

}  // namespace espalier
