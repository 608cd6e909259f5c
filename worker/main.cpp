// espalier-worker: one rank of a pool. `espalier run` starts these; by hand: mpirun -np 4 espalier-worker --store DIR,
// or from a machine that does not see the store: --connect HOST:PORT --token-file FILE
#include <chrono>
#include <csignal>
#include <iostream>
#include <new>
#include <string>
#include <sys/prctl.h>
#include <unistd.h>
#include <vector>

#include <CLI/CLI.hpp>
#include <spdlog/spdlog.h>

#include "base/broken_pipe.h"
#include "base/error.h"
#include "base/host_name.h"
#include "base/log.h"
#include "base/number_option.h"
#include "base/standard_files.h"
#include "base/utf8.h"
#include "cluster/launch/local_pool_process.h"
#include "experiments/datasets/dataset.h"
#include "experiments/paths/store_paths.h"
#include "worker/comm/gateway.h"
#include "worker/comm/mailbox.h"
#include "worker/comm/pool_member.h"
#include "worker/files/cache_folder.h"
#include "worker/files/rank_files.h"
#include "worker/files/scratch_store.h"
#include "worker/imports/model_tool.h"
#include "worker/machine/blas_kernel.h"
#include "worker/machine/crash_notes.h"
#include "worker/watch/start_alarm.h"

namespace espalier {
namespace {

// As those of espalier. Whatever else goes wrong ends the MPI job with 1.
constexpr int kWrongInput = 2;
constexpr int kNoSpace = 4;

struct Options {
  std::string store;
  std::string connect, token_file;
  std::string data;
  std::string cache;
  double cache_gb = 20;
  std::string label;
  std::filesystem::path identity_file;
  std::string left_note;
  std::vector<std::string> labels;
  std::string device = "auto";
  int ranks = 0;
  std::chrono::steady_clock::time_point started = std::chrono::steady_clock::now();
  double checkpoint_seconds = 10;
  int patience_seconds = 600;
  int idle_seconds = 0;
  double memory_gb = -1;
  double start_limit_seconds = 60;
  double hang_seconds = 120, silence_seconds = 30, limit_seconds = 0, grace_seconds = 30;
  ModelToolOptions script;
};

void add_guard_options(CLI::App& app, Options& options) {
  const CLI::Validator seconds = number_option(0, 1e9);
  app.add_option("--memory-per-rank", options.memory_gb,
                 "GB (10^9 bytes) that a rank may fill; 0: no limit (default: its share of nine tenths of the machine, "
                 "or of the cgroup; with CUDA none)")
      ->check(number_option(0.0, 1e6));
  app.add_option("--start-limit", options.start_limit_seconds,
                 "End if MPI has not started after this many seconds: the launcher, the network or another rank hangs; "
                 "0: wait for ever")
      ->check(number_option(0.0, 86400.0))
      ->capture_default_str();
  app.add_option("--hang-limit", options.hang_seconds,
                 "A stage hangs if it makes no progress for this many seconds, and for much longer than its steps "
                 "take; 0: never")
      ->check(seconds)
      ->capture_default_str();
  app.add_option("--rank-silence", options.silence_seconds,
                 "Give up the pool if a rank says nothing for this many seconds; 0: never")
      ->check(seconds)
      ->capture_default_str();
  app.add_option("--time-limit", options.limit_seconds, "Be gone by then, seconds from the start; 0: no limit")
      ->check(seconds)
      ->capture_default_str();
  app.add_option("--grace", options.grace_seconds,
                 "When leaving, wait so many seconds for the step that runs; 0: as long as it takes")
      ->check(seconds)
      ->capture_default_str();
}

void add_options(CLI::App& app, Options& options) {
  app.add_option("--store", options.store,
                 "Folder of the results, artifacts and logs (default: espalier-store); with --connect a folder of this "
                 "machine alone (default: one for you in the folder for temporary files)");
  CLI::Option* connect =
      app.add_option("--connect", options.connect, "Join the coordinator at HOST:PORT instead of the store's");
  CLI::Option* token =
      app.add_option("--token-file", options.token_file, "The token for it: espalier token write FILE");
  connect->needs(token);
  token->needs(connect);
  app.add_option("--data", options.data,
                 "Folder of the datasets (default: $ESPALIER_DATA, else ./data). What is not there is fetched from the "
                 "coordinator's machine");
  app.add_option(
      "--cache", options.cache,
      "Folder of this machine for what is fetched, shared by its ranks: DIR/espalier-cache (default: STORE/cache)");
  app.add_option("--cache-gb", options.cache_gb,
                 "GB (10^9 bytes) that it may hold; what was used least recently goes; 0: no limit")
      ->check(number_option(0.0, 1e9))
      ->capture_default_str();
  app.add_option("--label", options.label, "What to call this pool in logs and results");
  app.add_option("--identity-file", options.identity_file,
                 "A file of mode 0600 that says what this pool is known by; written by who started it");
  app.add_option("--labels", options.labels, "Labels that jobs may ask for (resources: {label: a100}): a100,big-memory")
      ->delimiter(',');
  app.add_option("--device", options.device, "auto, cpu, cuda or cuda:N")->capture_default_str();
  app.add_option("--ranks", options.ranks, "Refuse to start unless the MPI world has this many ranks (0: any)")
      ->check(whole_number_option(0, 1'000'000));
  app.add_option("--checkpoint-every", options.checkpoint_seconds,
                 "Seconds between checkpoints of a training, at the end of an epoch")
      ->check(number_option(0.01, 1e6))
      ->capture_default_str();
  app.add_option("--patience", options.patience_seconds,
                 "Seconds to go on without a coordinator, in case it comes back, before checkpointing and leaving")
      ->check(whole_number_option(0, 30 * 86400))
      ->capture_default_str();
  app.add_option("--idle-limit", options.idle_seconds, "Leave after this many seconds without a job (0: stay)")
      ->check(whole_number_option(0, 30 * 86400))
      ->capture_default_str();
  app.add_option("--left-note", options.left_note,
                 "When the pool leaves, write why into this file (preempted, time_limit, drained, ...)");
  add_guard_options(app, options);
  CLI::Option* describe = app.add_option("--describe-torchscript", options.script.describe,
                                         "Instead: print what is inside a TorchScript file, as JSON");
  app.add_option("--import-network", options.script.import_from,
                 "Instead: make a graph with tensors of this file if it can be one, write it to --to, and print "
                 "what is in it, as JSON")
      ->excludes(describe);
  app.add_option("--format", options.script.format, "Of that file, or of the one to write: onnx or torchscript");
  app.add_option("--output", options.script.output, "Which of its outputs, by name or place");
  app.add_option("--input", options.script.input, "C,H,W of the examples it is to take");
  app.add_flag("--keep-shape", options.script.keep_shape, "They are so, and no rows of numbers, also where two are 1");
  app.add_option("--classes", options.script.classes, "How many numbers it is to give")
      ->check(whole_number_option(1, 1'000'000'000));
  CLI::Option* write = app.add_option("--export-torchscript", options.script.export_from,
                                      "Instead: write this TorchScript file with other tensors");
  app.add_option("--tensors", options.script.tensors, "A safetensors file of them")->needs(write);
  app.add_option("--export-graph", options.script.graph_from,
                 "Instead: write the network of a store's file in --format")
      ->excludes(write);
  app.add_option("--make-smaller", options.script.whole,
                 "Instead: write the network of a file with masks without what they remove")
      ->excludes(write);
  app.add_option("--content", options.script.content, "They are of the graph with this hash that it becomes")
      ->needs(write);
  app.add_option("--to", options.script.to, "The file to write");
}

std::filesystem::path store_folder(const Options& options) {
  if (!options.connect.empty()) return scratch_store(options.store);
  return options.store.empty() ? "espalier-store" : options.store;
}

CoordinatorSource coordinator_of(const Options& options, const StorePaths& store) {
  if (options.connect.empty()) return CoordinatorSource::in_store(store.root);
  return CoordinatorSource::with_token(parse_host_and_port(options.connect), options.token_file);
}

void run_rank(Mailbox& mailbox, const Options& options, const std::string& kernel_note) {
  const StorePaths paths{store_folder(options)};
  const std::string label = options.label.empty() ? "pool" : options.label;
  log_to_file(paths.logs() / (label + ".rank" + std::to_string(mailbox.rank()) + ".log"),
              label + "." + std::to_string(mailbox.rank()));
  start_crash_notes(crash_note_path(paths.logs(), label, mailbox.rank()));
  const SignalStack stack;
  keep_memory_reserve();
  // Also so that a process that dies at once has a log.
  spdlog::info("rank {} of {} on {}, pid {}", mailbox.rank(), mailbox.size(), host_name(), ::getpid());
  if (!kernel_note.empty()) spdlog::info("{}", kernel_note);
  if (options.ranks != 0 && mailbox.size() != options.ranks) {
    throw Error(ErrorKind::unavailable,
                "the MPI world has " + std::to_string(mailbox.size()) + " ranks where " +
                    std::to_string(options.ranks) +
                    " were asked for; espalier-worker and mpirun may belong to different MPI libraries");
  }
  WorkerSettings settings;
  settings.artifacts = paths.artifacts();
  settings.checkpoints = paths.checkpoints();
  if (!options.cache.empty()) make_own_cache_folder(cache_root(options.cache, paths.root));
  CacheFolder cache(cache_root(options.cache, paths.root), static_cast<std::uint64_t>(options.cache_gb * 1e9));
  RankFiles files(paths, cache);
  settings.supply = &files;
  settings.data = data_folder(options.data);
  settings.device = options.device;
  settings.local_rank = mailbox.local_rank();
  settings.checkpoint_every = std::chrono::milliseconds(static_cast<std::int64_t>(options.checkpoint_seconds * 1000));
  settings.memory = memory_allowance(options.memory_gb, memory_total(), mailbox.ranks_here());
  using Seconds = GuardSettings::Seconds;
  settings.guard = {Seconds(options.hang_seconds), Seconds(options.silence_seconds), Seconds(options.limit_seconds),
                    Seconds(options.grace_seconds), options.started};
  if (mailbox.rank() == 0) {
    run_gateway(mailbox, settings,
                {coordinator_of(options, paths), paths.spool(),
                 options.identity_file.empty() ? "" : read_pool_identity(options.identity_file), options.label,
                 std::chrono::seconds(options.patience_seconds), std::chrono::seconds(options.idle_seconds),
                 paths.logs(), label, options.left_note, options.labels},
                files, cache);
  } else {
    run_member(mailbox, settings, files, cache);
  }
  spdlog::info("left");
}

}  // namespace
}  // namespace espalier

int main(int argc, char** argv) {
  using namespace espalier;
  open_closed_standard_files();
  survive_broken_pipes();
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);       // never outlive the launcher
  ::prctl(PR_SET_NAME, "espalier-worker");  // "exe" after it has started itself again
  CLI::App app{"One rank of an Espalier pool; start it with mpirun or srun, or let espalier run do it"};
  Options options;
  add_options(app, options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (app.exit(error) != 0) return kWrongInput;
    return output_was_lost("espalier-worker") ? kNoSpace : 0;
  }
  if (options.script.asked()) return run_model_tool(options.script);
  const std::string kernel_note = ensure_fast_blas_kernel(argv);
  install_leave_signals();
  StartAlarm alarm(options.start_limit_seconds);
  Mailbox mailbox(&argc, &argv);
  alarm.cancel();
  try {
    run_rank(mailbox, options, kernel_note);
  } catch (const std::exception& error) {
    const bool memory = dynamic_cast<const std::bad_alloc*>(&error) != nullptr;
    if (memory) write_crash_note(LossCause::oom_host, "out of memory outside of a job");
    spdlog::error("{}", error.what());
    std::cerr << "espalier-worker: " << printable_lines(error.what()) << std::endl;
    mailbox.abort(1);
  }
  return 0;
}
