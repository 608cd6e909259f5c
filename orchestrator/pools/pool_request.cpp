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

BatchRequest make_batch_request(const PoolRequest& request) {
  constexpr std::size_t kLongestName = 40;
  BatchRequest batch;
  batch.scheduler = request.scheduler;
  if (!request.profile.empty()) batch.profile = load_pool_profile(request.profile);
  const PoolProfile& profile = batch.profile;
  if (profile.scheduler.value_or(request.scheduler) != request.scheduler) {
    throw Error(ErrorKind::invalid_input,
                fmt::format("--profile: {} is for {}: espalier pool {} --profile {}", request.profile,
                            to_string(*profile.scheduler), to_string(*profile.scheduler), request.profile));
  }
  take(batch.profile.partition, request.partition);
  take(batch.profile.account, request.account);
  take(batch.profile.qos, request.qos);
  take(batch.profile.constraint, request.constraint);
  if (!request.labels.empty()) batch.profile.labels = request.labels;
  batch.name = request.name.empty() ? std::string(to_string(request.scheduler)) : request.name;
  if (!is_pool_name(batch.name) || batch.name.size() > kLongestName)
    throw Error(ErrorKind::invalid_input,
                "--name: expected letters, digits and _ . - (at most 40, a letter or a digit "
                "first), found \"" +
                    batch.name + "\"");
  batch.store = std::filesystem::absolute(request.store).lexically_normal();
  if (!std::filesystem::exists(StorePaths{batch.store}.database()))
    throw Error(ErrorKind::invalid_input, batch.store.string() +
                                              ": there is no store here; a coordinator makes one: "
                                              "espalier serve --detach --store " +
                                              request.store.string());
  if (!batch.store.has_filename()) batch.store = batch.store.parent_path();
  batch.title = title_of(batch.name, batch.store);
  if (!request.data.empty()) batch.data = std::filesystem::absolute(request.data).lexically_normal();
  batch.worker = worker_of(request, profile);
  batch.launcher = launcher_of(request, profile);
  batch.nodes = request.nodes.value_or(profile.nodes.value_or(1));
  batch.gpus_per_node = request.gpus_per_node.value_or(profile.gpus_per_node.value_or(0));
  batch.ranks_per_node =
      request.ranks_per_node.value_or(profile.ranks_per_node.value_or(std::max<std::int64_t>(1, batch.gpus_per_node)));
  batch.time_s = time_of(request, profile);
  batch.margin_s = request.margin_s.value_or(profile.margin_s.value_or(kMarginSeconds));
  batch.requeue = request.requeue;
  batch.device = request.device;
  batch.checkpoint_s = request.checkpoint_s;
  batch.idle_s = request.idle_s.value_or(request.autoscaled ? kIdleSeconds : 0);
  batch.memory_gb = request.memory_gb;
  return batch;
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
           ": a pool that starts finds no coordinator, and ends; start one: espalier serve --detach --host ADDRESS "
           "--store " +
           store.string();
  }
}

std::filesystem::path write_batch_script(const BatchRequest& batch) {
  const std::string script = batch_script(batch);
  const std::filesystem::path folder = batch.store / "pools";
  std::filesystem::create_directories(folder);
  std::filesystem::create_directories(batch.store / "logs");  // the scheduler opens the log before the script runs
  const std::filesystem::path file = folder / (batch.name + ".batch");
  write_file_atomically(file, script, 0600);
  return file;
}

void leave_out_bad_nodes(const Slurm& slurm, BatchRequest& batch, const std::function<void(const std::string&)>& say) {
  const std::vector<std::string> hosts = find_bad_hosts(StoreReader(batch.store), utc_seconds());
  std::vector<std::string> nodes;
  if (!hosts.empty()) {
    const auto known = slurm.nodes_by_host();
    for (const std::string& host : hosts) {
      auto found = known.find(host);
      if (found == known.end()) found = known.find(host.substr(0, host.find('.')));
      if (found != known.end()) nodes.insert(nodes.end(), found->second.begin(), found->second.end());
    }
  }
  if (!nodes.empty() && nodes != batch.exclude)
    say(
        fmt::format("keeping away from {}: more jobs crashed there in the last hour than finished, and others could do "
                    "them (espalier failures)",
                    fmt::join(nodes, ",")));
  batch.exclude = std::move(nodes);
}

std::string submit_to_slurm(const Slurm& slurm, const std::filesystem::path& script, BatchRequest& batch,
                            const std::function<void(const std::string&)>& say) {
  const std::string partition = batch.profile.partition.value_or("");
  try {
    return slurm.submit(script, partition);
  } catch (const Error& error) {
    const bool none_left = std::string_view(error.what()).find(kNoSuchNodes) != std::string_view::npos;
    if (batch.exclude.empty() || !none_left) throw;
    say(fmt::format("Slurm has no nodes for this pool but {}; it is submitted without leaving them out",
                    fmt::join(batch.exclude, ",")));
    batch.exclude.clear();
    return slurm.submit(write_batch_script(batch), partition);
  }
}

}  // namespace espalier
