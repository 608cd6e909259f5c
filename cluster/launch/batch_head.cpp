#include "cluster/launch/batch_head.h"

#include <fmt/format.h>

#include "experiments/pools/pool_words.h"

namespace espalier {
namespace {

constexpr std::int64_t kShortestSignalSeconds = 5;

/// Collects lines that begin alike.
class Head {
 public:
  explicit Head(std::string prefix) : prefix_(std::move(prefix)) {}
  void add(const std::string& option) { text_ += prefix_ + option + "\n"; }
  void add(const std::string& option, const std::optional<std::string>& value) {
    if (value) add(option + *value);
  }
  std::string text() const { return text_; }

 private:
  const std::string prefix_;
  std::string text_;
};

std::string joined(const std::vector<std::string>& names) {
  return fmt::format("{}", fmt::join(names, ","));
}

}  // namespace

std::string slurm_head(const BatchRequest& request) {
  Head head("#SBATCH ");
  head.add("--job-name=" + request.title);
  head.add("--partition=", request.profile.partition);
  head.add("--account=", request.profile.account);
  head.add("--qos=", request.profile.qos);
  head.add("--constraint=", request.profile.constraint);
  head.add(fmt::format("--nodes={}", request.nodes));
  head.add(fmt::format("--ntasks={}", request.ranks()));
  head.add(fmt::format("--ntasks-per-node={}", request.ranks_per_node));
  if (request.gpus_per_node > 0) head.add(fmt::format("--gpus-per-node={}", request.gpus_per_node));
  head.add("--time=" + time_limit_text(request.time_s));
  if (!request.exclude.empty()) head.add("--exclude=" + joined(request.exclude));
  head.add(request.requeue ? "--requeue" : "--no-requeue");
  // A lost node ends its ranks; the script decides about the rest.
  head.add("--no-kill");
  // A second notice of the end: the pool's own deadline comes first, unless Slurm is early, as it may be.
  head.add(fmt::format("--signal=B:USR1@{}", std::max(kShortestSignalSeconds, request.margin_s / 2)));
  head.add("--open-mode=append");
  head.add("--output=\"" + request.log("%j").string() + "\"");
  for (const std::string& option : request.profile.extra) head.add(option);
  return head.text();
}

std::string pbs_head(const BatchRequest& request) {
  Head head("#PBS ");
  head.add("-N " + request.title);
  head.add("-q ", request.profile.partition);
  head.add("-A ", request.profile.account);
  head.add(fmt::format("-l select={}:ncpus={}:mpiprocs={}{}", request.nodes, request.ranks_per_node,
                       request.ranks_per_node,
                       request.gpus_per_node > 0 ? fmt::format(":ngpus={}", request.gpus_per_node) : ""));
  head.add(
      fmt::format("-l walltime={}:{:02}:{:02}", request.time_s / 3600, request.time_s / 60 % 60, request.time_s % 60));
  head.add(request.requeue ? "-r y" : "-r n");
  head.add("-j oe");
  head.add("-o " + (request.store / "logs/").string());
  for (const std::string& option : request.profile.extra) head.add(option);
  return head.text();
}

std::string slurm_words() {
  return R"(allocation=$SLURM_JOB_ID
given_ranks=${SLURM_NTASKS:-0}
end_time=${SLURM_JOB_END_TIME:-0}
requeue_allocation() { scontrol requeue "$SLURM_JOB_ID"; }
is_ending() { [[ $(squeue --noheader --jobs="$SLURM_JOB_ID" --format=%T 2>/dev/null) == COMPLETING ]]; }
lost_nodes() {
  local left
  left=$(squeue --noheader --jobs="$SLURM_JOB_ID" --format=%D 2>/dev/null)
  [[ $left =~ ^[0-9]+$ ]] && ((left < SLURM_JOB_NUM_NODES))
}
)";
}

std::string pbs_words() {
  return R"(allocation=$PBS_JOBID
given_ranks=$(grep -c . "$PBS_NODEFILE")
end_time=0
requeue_allocation() { false; }
is_ending() { false; }
lost_nodes() { false; }
)";
}

}  // namespace espalier
