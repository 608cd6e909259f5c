#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "experiments/diagnostics/diagnostic.h"

namespace espalier {

enum class Scheduler { slurm, pbs };
std::string_view to_string(Scheduler scheduler);

/// What starts a pool's ranks inside of its allocation.
enum class Launcher { mpirun, srun };
std::string_view to_string(Launcher launcher);

/// Where the ranks run inside of an image: `apptainer exec ARGUMENTS IMAGE espalier-worker ...`.
struct PoolContainer {
  std::string program = "apptainer";
  std::string image;
  std::vector<std::string> arguments;
};

/// How a site wants its pools: a file of cluster/profiles, or one of the user's. docs/cluster.md describes the keys.
/// What is not given is decided by the options of `espalier pool`, or its defaults.
struct PoolProfile {
  std::optional<Scheduler> scheduler;
  std::optional<std::string> partition, account, qos, constraint;
  std::vector<std::string> modules;
  std::optional<PoolContainer> container;
  std::optional<Launcher> launcher;
  std::string mpi = "pmix";  ///< what `srun --mpi=` is given
  std::vector<std::string> launcher_options;
  std::vector<std::string> extra;  ///< further options of the scheduler, each a line of the script's head
  std::vector<std::pair<std::string, std::string>> environment;
  std::vector<std::string> labels;    ///< of the pool, that jobs may ask for
  std::optional<std::string> worker;  ///< espalier-worker, as it is called on the nodes
  std::optional<std::int64_t> time_s, nodes, ranks_per_node, gpus_per_node, margin_s;
};

struct ParsedPoolProfile {
  PoolProfile profile;
  std::vector<Diagnostic> diagnostics;  ///< every problem, in the order it was met; with one, the profile is no good
};

/// Reads the text of a profile. `file` is its name for messages. Pure; never throws for a bad text.
ParsedPoolProfile parse_pool_profile(std::string_view text, const std::string& file);

}  // namespace espalier
