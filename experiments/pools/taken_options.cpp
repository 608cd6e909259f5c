#include "experiments/pools/taken_options.h"

#include <algorithm>
#include <span>
#include <utility>

namespace espalier {
namespace {

struct TakenOption {
  std::string_view name;
  std::string_view by;
};

constexpr std::string_view kPool = "the pool itself";
constexpr std::string_view kSameUser = "no option: a pool runs as the user who submits it";
constexpr std::string_view kNothingRuns = "no option: no pool would start";
constexpr std::string_view kEnvironment = "the key environment";
constexpr std::string_view kRanks = "the key ranks_per_node";

constexpr TakenOption kTakenBySlurm[] = {
    {"--partition", "the key partition"},
    {"--account", "the key account"},
    {"--qos", "the key qos"},
    {"--constraint", "the key constraint"},
    {"--time", "the key time"},
    {"--nodes", "the key nodes"},
    {"--ntasks", kRanks},
    {"--ntasks-per-node", kRanks},
    {"--gpus-per-node", "the key gpus_per_node"},
    {"--container", "the key container"},
    {"--export", kEnvironment},
    {"--export-file", kEnvironment},
    {"--get-user-env", kEnvironment},
    {"--job-name", "the option --name"},
    {"--exclude", kPool},
    {"--requeue", "the option --requeue"},
    {"--no-requeue", "the option --requeue"},
    {"--output", kPool},
    {"--error", kPool},
    {"--open-mode", kPool},
    {"--signal", kPool},
    {"--no-kill", kPool},
    {"--chdir", kPool},
    {"--array", "the option --count"},
    {"--wrap", kPool},
    {"--wait", "no option: the command does not wait"},
    {"--parsable", kPool},
    {"--clusters", "no option: a pool goes to the cluster that it is submitted on"},
    {"--uid", kSameUser},
    {"--gid", kSameUser},
    {"--test-only", "the option --dry-run"},
    {"--help", kNothingRuns},
    {"--usage", kNothingRuns},
    {"--version", kNothingRuns}};

constexpr TakenOption kTakenByPbs[] = {{"-N", "the option --name"},
                                       {"-q", "the key partition"},
                                       {"-A", "the key account"},
                                       {"-r", "the option --requeue"},
                                       {"-j", kPool},
                                       {"-o", kPool},
                                       {"-e", kPool},
                                       {"-S", kPool},
                                       {"-C", kPool},
                                       {"-z", kPool},
                                       {"-d", kPool},
                                       {"-D", kPool},
                                       {"-w", kPool},
                                       {"-J", "the option --count"},
                                       {"-t", "the option --count"},
                                       {"-u", kSameUser},
                                       {"-I", kNothingRuns},
                                       {"-f", "no option: the command does not wait"}};

/// What is in the value of PBS's -l and -W.
constexpr TakenOption kTakenResources[] = {{"select", "the key nodes"},
                                           {"nodes", "the key nodes"},
                                           {"walltime", "the key time"},
                                           {"block", "no option: the command does not wait"}};

/// Without the dashes: Open MPI takes one or two.
constexpr TakenOption kTakenByLauncher[] = {{"n", kRanks},
                                            {"np", kRanks},
                                            {"ntasks", kRanks},
                                            {"mpi", "the key mpi"},
                                            {"export", kEnvironment},
                                            {"export-file", kEnvironment},
                                            {"uid", kSameUser},
                                            {"gid", kSameUser},
                                            {"chdir", kPool},
                                            {"wd", kPool},
                                            {"wdir", kPool},
                                            {"app", kPool},
                                            {"multi-prog", kPool},
                                            {"jobid", kPool},
                                            {"output", kPool},
                                            {"error", kPool},
                                            {"input", kPool},
                                            {"do-not-launch", kNothingRuns},
                                            {"test-only", kNothingRuns},
                                            {"help", kNothingRuns},
                                            {"usage", kNothingRuns},
                                            {"version", kNothingRuns}};

const TakenOption* find_taken(std::span<const TakenOption> taken, std::string_view name) {
  const auto found = std::ranges::find(taken, name, &TakenOption::name);
  return found == taken.end() ? nullptr : &*found;
}

/// The one that Slurm would take `name` for: it lets its options be abbreviated.
const TakenOption* find_abbreviated(std::string_view name) {
  if (const TakenOption* exact = find_taken(kTakenBySlurm, name)) return exact;
  if (name == "--gpus") return nullptr;  // an option of its own
  const auto longer = std::ranges::find_if(kTakenBySlurm, [&](const auto& one) { return one.name.starts_with(name); });
  return longer == std::end(kTakenBySlurm) ? nullptr : &*longer;
}

std::string why_not(const std::string& name, const TakenOption& taken) {
  const std::string whole = taken.name == name ? "" : " is short for " + std::string(taken.name) + ", which";
  return name + whole + " is set by " + std::string(taken.by);
}

std::string why_no_pbs_option(const std::string& name, std::string_view value) {
  if (const TakenOption* taken = find_taken(kTakenByPbs, name)) return why_not(name, *taken);
  if (name != "-l" && name != "-W") return "";
  while (!value.empty()) {
    const std::string_view one = value.substr(0, value.find(','));
    const std::string_view resource = one.substr(0, one.find('='));
    if (const TakenOption* taken = find_taken(kTakenResources, resource))
      return name + " " + std::string(resource) + " is set by " + std::string(taken->by);
    value.remove_prefix(std::min(one.size() + 1, value.size()));
  }
  return "";
}

}  // namespace

std::string why_no_extra(Scheduler scheduler, const std::string& name, std::string_view value) {
  if (scheduler == Scheduler::pbs) return why_no_pbs_option(name, value);
  const TakenOption* taken = find_abbreviated(name);
  return taken == nullptr ? "" : why_not(name, *taken);
}

std::string why_no_launcher_option(std::string_view word) {
  if (!word.starts_with('-')) return "";
  const std::string_view option = word.substr(0, word.find('='));
  const std::string_view name = option.substr(option.starts_with("--") ? 2 : 1);
  const TakenOption* taken = find_taken(kTakenByLauncher, name);
  return taken == nullptr ? "" : std::string(option) + " is set by " + std::string(taken->by);
}

}  // namespace espalier
