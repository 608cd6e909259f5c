#include "orchestrator/pools/pool_request.h"

#include <fmt/format.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/files.h"
#include "base/sha256.h"
#include "base/suggest.h"
#include "cluster/auth/authentication.h"
#include "cluster/launch/batch_script.h"
#include "cluster/launch/worker_program.h"
#include "db/read/store_reader.h"
#include "experiments/paths/store_paths.h"
#include "experiments/pools/pool_words.h"
#include "orchestrator/pools/bad_nodes.h"
#include "orchestrator/pools/pool_profiles.h"

namespace espalier {
namespace {

constexpr std::int64_t kMarginSeconds = 120;
constexpr std::int64_t kIdleSeconds = 60;  // of pools that are started as they are needed

void take(std::optional<std::string>& slot, const std::optional<std::string>& given) {
  if (given) slot = given;
}

Launcher launcher_of(const PoolRequest& request, const PoolProfile& profile) {
  if (!request.launcher) return profile.launcher.value_or(Launcher::mpirun);
  if (*request.launcher == "srun") return Launcher::srun;
  if (*request.launcher == "mpirun") return Launcher::mpirun;
  throw Error(ErrorKind::invalid_input, "--launcher: " + unknown_name(*request.launcher, {"mpirun", "srun"}));
}

std::int64_t time_of(const PoolRequest& request, const PoolProfile& profile) {
  if (request.time.empty()) {
    if (profile.time_s) return *profile.time_s;
    throw Error(ErrorKind::invalid_input, std::string("--time: how long may the pool run? expected ") +
                                              kTimeLimitForms + ", here or as time in the profile");
  }
  if (const auto seconds = parse_time_limit(request.time)) return *seconds;
  throw Error(ErrorKind::invalid_input,
              std::string("--time: expected ") + kTimeLimitForms + ", found \"" + request.time + "\"");
}

std::string worker_of(const PoolRequest& request, const PoolProfile& profile) {
  if (request.worker) return *request.worker;
  if (profile.worker) return *profile.worker;
  return profile.container ? "espalier-worker" : find_worker().string();
}

/// Two stores that share a name must not take each other's allocations for their own.
std::string title_of(const std::string& name, const std::filesystem::path& store) {
  return "espalier-" + name + "-" + to_hex(sha256(store.string())).substr(0, 6);
}

}  // namespace

AllocationPlan plan_allocation(const PoolRequest& request) {
  constexpr std::size_t kLongestName = 40;
  AllocationPlan plan;
  plan.scheduler = request.scheduler;
  if (!request.profile.empty()) plan.profile = load_pool_profile(request.profile);
  const PoolProfile& profile = plan.profile;
  if (profile.scheduler.value_or(request.scheduler) != request.scheduler) {
    throw Error(ErrorKind::invalid_input,
                fmt::format("--profile: {} is for {}: espalier pool {} --profile {}", request.profile,
                            to_string(*profile.scheduler), to_string(*profile.scheduler), request.profile));
  }
  take(plan.profile.partition, request.partition);
  take(plan.profile.account, request.account);
  take(plan.profile.qos, request.qos);
  take(plan.profile.constraint, request.constraint);
  if (!request.labels.empty()) plan.profile.labels = request.labels;
  plan.name = request.name.empty() ? std::string(to_string(request.scheduler)) : request.name;
  if (!is_pool_name(plan.name) || plan.name.size() > kLongestName)
    throw Error(ErrorKind::invalid_input,
                "--name: expected letters, digits and _ . - (at most 40, a letter or a digit "
                "first), found \"" +
                    plan.name + "\"");
  plan.store = std::filesystem::absolute(request.store).lexically_normal();
  if (!std::filesystem::exists(StorePaths{plan.store}.database()))
    throw Error(ErrorKind::invalid_input, plan.store.string() +
                                              ": there is no store here; a coordinator makes one: "
                                              "espalier serve --detach --store " +
                                              request.store.string());
  if (!plan.store.has_filename()) plan.store = plan.store.parent_path();
  plan.title = title_of(plan.name, plan.store);
  if (!request.data.empty()) plan.data = std::filesystem::absolute(request.data).lexically_normal();
  plan.worker = worker_of(request, profile);
  plan.launcher = launcher_of(request, profile);
  plan.nodes = request.nodes.value_or(profile.nodes.value_or(1));
  plan.gpus_per_node = request.gpus_per_node.value_or(profile.gpus_per_node.value_or(0));
  plan.ranks_per_node =
      request.ranks_per_node.value_or(profile.ranks_per_node.value_or(std::max<std::int64_t>(1, plan.gpus_per_node)));
  plan.time_s = time_of(request, profile);
  plan.margin_s = request.margin_s.value_or(profile.margin_s.value_or(kMarginSeconds));
  plan.requeue = request.requeue;
  plan.device = request.device;
  plan.checkpoint_s = request.checkpoint_s;
  plan.idle_s = request.idle_s.value_or(request.autoscaled ? kIdleSeconds : 0);
  plan.memory_gb = request.memory_gb;
  return plan;
}

std::string coordinator_trouble(const std::filesystem::path& store) {
  try {
    const ConnectionFile where = read_connection_file(StorePaths{store}.connection());
    if (where.host != "127.0.0.1" && where.host != "::1" && where.host != "localhost") return "";
    return "the coordinator listens on " + where.host +
           ", where pools on other machines cannot reach it; start it with --host and this machine's address";
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::unavailable) throw;
    return "no coordinator runs on " + store.string() +
           ": a pool that starts finds nobody, and ends; start one: espalier serve --detach --host ADDRESS "
           "--store " +
           store.string();
  }
}

std::filesystem::path write_batch_script(const AllocationPlan& plan) {
  const std::string script = batch_script(plan);
  const std::filesystem::path folder = plan.store / "pools";
  std::filesystem::create_directories(folder);
  std::filesystem::create_directories(plan.store / "logs");  // the scheduler opens the log before the script runs
  const std::filesystem::path file = folder / (plan.name + ".batch");
  write_file_atomically(file, script, 0600);
  return file;
}

void leave_out_bad_nodes(const Slurm& slurm, AllocationPlan& plan, const std::function<void(const std::string&)>& say) {
  const std::vector<std::string> hosts = find_bad_hosts(StoreReader(plan.store), utc_seconds());
  std::vector<std::string> nodes;
  if (!hosts.empty()) {
    const auto known = slurm.nodes_by_host();
    for (const std::string& host : hosts) {
      auto found = known.find(host);
      if (found == known.end()) found = known.find(host.substr(0, host.find('.')));
      if (found != known.end()) nodes.insert(nodes.end(), found->second.begin(), found->second.end());
    }
  }
  if (!nodes.empty() && nodes != plan.exclude)
    say(
        fmt::format("keeping away from {}: more jobs crashed there in the last hour than finished, and others could do "
                    "them (espalier failures)",
                    fmt::join(nodes, ",")));
  plan.exclude = std::move(nodes);
}

std::string submit_to_slurm(const Slurm& slurm, const std::filesystem::path& script, AllocationPlan& plan,
                            const std::function<void(const std::string&)>& say) {
  const std::string partition = plan.profile.partition.value_or("");
  try {
    return slurm.submit(script, partition);
  } catch (const Error& error) {
    const bool none_left = std::string_view(error.what()).find(kNoSuchNodes) != std::string_view::npos;
    if (plan.exclude.empty() || !none_left) throw;
    say(fmt::format("Slurm has no nodes for this pool but {}; it is submitted without leaving them out",
                    fmt::join(plan.exclude, ",")));
    plan.exclude.clear();
    return slurm.submit(write_batch_script(plan), partition);
  }
}

}  // namespace espalier
