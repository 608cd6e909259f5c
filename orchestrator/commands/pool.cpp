#include <csignal>
#include <iostream>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/number_option.h"
#include "base/word_option.h"
#include "cluster/launch/batch_script.h"
#include "experiments/formats/json_text.h"
#include "experiments/paths/store_paths.h"
#include "orchestrator/commands/commands.h"
#include "orchestrator/commands/options/option_group.h"
#include "orchestrator/pools/autoscale_loop.h"
#include "orchestrator/pools/pool_request.h"

namespace espalier {
namespace {

struct PoolOptions {
  PoolRequest request;
  std::int64_t count = 1;
  std::string autoscale;  ///< "MIN:MAX"; "" without
  double interval_s = 10;
  bool dry_run = false;
  bool as_json = false;
};

/// `given` is set only where the option was.
template <typename Value>
CLI::Option* add_optional(CLI::App& command, const std::string& name, std::optional<Value>& given,
                          const std::string& help) {
  return command.add_option(name, given, help);
}

constexpr const char* kSchedulerHeading = "Options of the scheduler";

void add_size_options(CLI::App& command, PoolRequest& request) {
  add_optional(command, "--nodes", request.nodes, "Nodes of each pool (default: the profile's, else 1)")
      ->check(whole_number_option(1, 10000));
  add_optional(command, "--ranks-per-node", request.ranks_per_node,
               "MPI ranks on each (default: the profile's, else one for each GPU, else 1)")
      ->check(whole_number_option(1, 4096));
  add_optional(command, "--gpus-per-node", request.gpus_per_node, "GPUs on each, shared out among its ranks")
      ->check(whole_number_option(0, 4096));
  command.add_option("--time", request.time, "How long the pool may run: 90 (minutes), 2:30:00, 1-12:00:00");
  add_optional(command, "--margin", request.margin_s, "Seconds before that end by which it has left (default: 120)")
      ->check(whole_number_option(1, 86400));
  group_options(command, "Size of a pool", {"--nodes", "--ranks-per-node", "--gpus-per-node", "--time", "--margin"});
}

void add_worker_options(CLI::App& command, PoolRequest& request) {
  command.add_option("--data", request.data, "Folder of the datasets, as the nodes see it");
  command.add_option("--device", request.device, "auto, cpu or cuda: its GPUs are shared out among a node's ranks")
      ->check(word_option({"auto", "cpu", "cuda"}))
      ->capture_default_str();
  command.add_option("--checkpoint-every", request.checkpoint_s, "Seconds between checkpoints of a training")
      ->check(whole_number_option(1, 86400))
      ->capture_default_str();
  add_optional(command, "--idle-limit", request.idle_s,
               "Leave after this many seconds without a job (0: stay, which is the default without --autoscale)")
      ->check(whole_number_option(0, 30 * 86400));
  command
      .add_option("--labels", request.labels,
                  "Labels that jobs may ask for (resources: {label: a100}): a100,big-memory")
      ->delimiter(',');
  add_optional(command, "--memory-per-rank", request.memory_gb, "GB that a rank may fill (0: no limit)")
      ->check(number_option(0.0, 1e6));
  add_optional(command, "--worker", request.worker, "espalier-worker, as the nodes call it (default: the one here)");
  group_options(
      command, "Its workers",
      {"--data", "--device", "--checkpoint-every", "--idle-limit", "--labels", "--memory-per-rank", "--worker"});
}

void add_options(CLI::App& command, PoolOptions& options, CommandLine& line) {
  PoolRequest& request = options.request;
  command.add_option("--store", line.store, "Folder of the results, which the nodes must see under the same path")
      ->capture_default_str();
  command.add_option("--profile", request.profile,
                     "Settings of this site: slurm-gpu, slurm-cpu, slurm-container, pbs, or a file (docs/cluster.md)");
  add_size_options(command, request);
  add_optional(command, "--partition", request.partition, "Partition or queue");
  add_optional(command, "--account", request.account, "Account to charge");
  add_optional(command, "--launcher", request.launcher, "mpirun or srun (default: the profile's, else mpirun)");
  command.add_flag("--requeue", request.requeue,
                   "Have the scheduler start the pool again after a preemption; Slurm also at its time limit while "
                   "there is work");
  command.add_option("--name", request.name, "The pool's label begins with it (default: slurm, or pbs)");
  command.add_option("--count", options.count, "Number of equal pools")
      ->check(whole_number_option(1, 1000))
      ->capture_default_str();
  command.add_flag("--dry-run", options.dry_run, "Print the script, submit nothing");
  command.add_flag("--json", options.as_json, "As JSON");
  add_worker_options(command, request);
  group_options(command, kSchedulerHeading, {"--partition", "--account", "--launcher", "--requeue"});
}

void print_text(const std::string& text) {
  std::cout << text << std::flush;
}

/// A script can be shown even if Slurm's commands are missing or do not answer.
void leave_out_bad_nodes_if_known(BatchRequest& batch, const std::function<void(const std::string&)>& say) {
  try {
    leave_out_bad_nodes(Slurm(), batch, say);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::unavailable) throw;
  }
}

ExitCode dry_run(const BatchRequest& batch, bool as_json) {
  const std::string script = batch_script(batch);
  const nlohmann::ordered_json json{{"title", batch.title}, {"ranks", batch.ranks()}, {"script", script}};
  print_text(as_json ? json_text(json) + "\n" : script);
  return kExitDone;
}

void submit_pools(const BatchRequest& batch, const std::function<std::string(const std::filesystem::path&)>& hand_in,
                  const PoolOptions& options) {
  const std::filesystem::path script = write_batch_script(batch);
  if (const std::string trouble = coordinator_trouble(batch.store); !trouble.empty())
    std::cerr << "warning: " << trouble << "\n";
  nlohmann::ordered_json pools = nlohmann::ordered_json::array();
  const auto print_json = [&] {
    print_text(
        json_text(nlohmann::ordered_json{{"title", batch.title}, {"script", script.string()}, {"pools", pools}}) +
        "\n");
  };
  try {
    for (std::int64_t pool = 0; pool < options.count; ++pool) {
      const std::string id = hand_in(script);
      pools.push_back({{"id", id}, {"label", batch.label(id)}, {"log", batch.log(id).string()}});
      if (!options.as_json)
        print_text(fmt::format("submitted {}: {} ranks; its log: {}\n", batch.label(id), batch.ranks(),
                               batch.log(id).string()));
    }
  } catch (const Error&) {
    if (options.as_json && !pools.empty()) print_json();  // only this output names those already submitted
    throw;
  }
  if (options.as_json) print_json();
}

volatile std::sig_atomic_t g_stopped = 0;

/// Until the coordinator has ended, or Ctrl-C.
ExitCode scale_pools(const BatchRequest& batch, const Slurm& slurm, const PoolOptions& options,
                     const ScaleLimits& limits) {
  const bool runs = std::filesystem::exists(StorePaths{batch.store}.connection());  // where not, that is an error
  if (const std::string trouble = coordinator_trouble(batch.store); runs && !trouble.empty())
    std::cerr << "warning: " << trouble << "\n";
  for (const int number : {SIGINT, SIGTERM}) std::signal(number, [](int) { g_stopped = 1; });
  const auto say = [&](const std::string& text) { (options.as_json ? std::cerr : std::cout) << text << std::endl; };
  const AutoscaleSummary summary =
      autoscale({batch, limits, options.interval_s}, slurm, say, [] { return g_stopped != 0; });
  if (options.as_json) {
    print_text(json_text(nlohmann::ordered_json{{"title", batch.title},
                                                {"submitted", summary.submitted},
                                                {"cancelled", summary.cancelled},
                                                {"finished", summary.finished}}) +
               "\n");
  } else {
    print_text(summary.finished ? "the coordinator has ended, and its pools are gone\n"
                                : "stopped; " + how_to_end_pools(batch.title) + "\n");
  }
  return summary.finished ? kExitDone : kExitInterrupted;
}

ExitCode pool_slurm(const PoolOptions& options) {
  PoolRequest request = options.request;
  request.autoscaled = !options.autoscale.empty();
  const auto warn = [](const std::string& text) { std::cerr << "warning: " << text << "\n"; };
  BatchRequest batch = make_batch_request(request);
  batch_script(batch);  // what is wrong with the request comes before what is wrong with the place
  std::optional<ScaleLimits> limits;
  if (!options.autoscale.empty()) limits = parse_autoscale(options.autoscale, batch.ranks());
  if (options.dry_run) {
    leave_out_bad_nodes_if_known(batch, warn);
    return dry_run(batch, options.as_json);
  }
  const Slurm slurm;
  if (limits) return scale_pools(batch, slurm, options, *limits);
  leave_out_bad_nodes(slurm, batch, warn);
  submit_pools(
      batch, [&](const std::filesystem::path& script) { return submit_to_slurm(slurm, script, batch, warn); }, options);
  return kExitDone;
}

ExitCode pool_pbs(const PoolOptions& options) {
  const BatchRequest batch = make_batch_request(options.request);
  batch_script(batch);
  if (options.dry_run) return dry_run(batch, options.as_json);
  submit_pools(batch, submit_to_pbs, options);
  return kExitDone;
}

}  // namespace

void add_pool_command(CLI::App& app, CommandLine& line) {
  CLI::App* command = app.add_subcommand("pool", "Submit pools of workers to a cluster's scheduler: slurm, pbs");
  command->require_subcommand(1);
  const auto add = [&](const char* name, const char* help, Scheduler scheduler, ExitCode (*run)(const PoolOptions&)) {
    CLI::App* here = command->add_subcommand(name, help);
    auto options = std::make_shared<PoolOptions>();
    options->request.scheduler = scheduler;
    add_options(*here, *options, line);
    here->callback([options, run, &line] {
      options->request.store = line.store;
      line.exit_code = run(*options);
    });
    return std::pair(here, options);
  };
  const auto [slurm, options] = add("slurm", "Submit pools to Slurm", Scheduler::slurm, pool_slurm);
  add_optional(*slurm, "--qos", options->request.qos, "Quality of service");
  add_optional(*slurm, "--constraint", options->request.constraint, "Features that its nodes must have: a100|h100");
  group_options(*slurm, kSchedulerHeading, {"--qos", "--constraint"});
  slurm
      ->add_option("--autoscale", options->autoscale,
                   "MIN:MAX: stay, and keep as many pools as there is work for, until the coordinator ends or Ctrl-C "
                   "(idle pools leave after 60 s, or --idle-limit)")
      ->excludes("--count");
  slurm->add_option("--interval", options->interval_s, "Seconds between two looks at the work and at Slurm")
      ->check(number_option(1.0, 3600.0))
      ->capture_default_str();
  add("pbs", "Submit pools to PBS", Scheduler::pbs, pool_pbs);
}

}  // namespace espalier
