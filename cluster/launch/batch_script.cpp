// A script has four parts: the head that the scheduler reads, assignments (all that differs between plans), the
// launcher's command line, and a body that is the same for all. The body starts the pool, passes signals on to it,
// starts it again when a job has crashed it, and decides at the end whether to requeue the allocation.
#include "cluster/launch/batch_script.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"
#include "cluster/launch/batch_head.h"
#include "experiments/pools/pool_words.h"

namespace espalier {
namespace {

constexpr const char* kModules = R"(
if ! type module >/dev/null 2>&1; then
  for file in /etc/profile.d/modules.sh /etc/profile.d/lmod.sh /usr/share/lmod/lmod/init/bash; do
    if [[ -r $file ]]; then source "$file"; break; fi
  done
fi
)";

constexpr const char* kBody = R"(
say() { printf '%(%F %T)T %s\n' -1 "$*"; }

# Schedulers repeat their signals; what a TERM says (the scheduler ends this) is not taken back by a USR1 (it will).
launcher=
signalled=
pass_on() {
  if [[ $signalled != TERM ]]; then signalled=$1; fi
  if [[ -n $launcher ]]; then kill -USR1 "$launcher" 2>/dev/null; fi
}
trap 'pass_on USR1' USR1
trap 'pass_on TERM' TERM

# Seconds that the pool has, its margin taken off.
time_left() {
  local left=$((time_limit - margin - SECONDS)) known
  if ((end_time > 0)); then
    known=$((end_time - margin - $(date +%s)))
    if ((known < left)); then left=$known; fi
  fi
  echo "$left"
}

say "pool $label: $ranks ranks on $(hostname) and its neighbours"
if ((given_ranks != ranks)); then
  say "the scheduler gave $given_ranks ranks where $ranks were asked for; nothing is started"
  exit 3
fi

# A job that takes its workers down costs the pool, not the allocation.
status=0
crashes=0
why=
while true; do
  left=$(time_left)
  if ((left <= 0)); then
    why=time_limit
    break
  fi
  rm -f "$note"
  began=$SECONDS
  launch "$left" </dev/null &
  launcher=$!
  # `wait` returns at each signal.
  while kill -0 "$launcher" 2>/dev/null; do wait "$launcher"; done
  wait "$launcher"
  status=$?
  launcher=
  why=$(cat "$note" 2>/dev/null)
  say "the launcher ended with code $status${why:+; the pool left: $why}"
  if [[ -n $signalled || -n $why || $status -eq 0 ]] || lost_nodes; then break; fi
  if ((SECONDS - began >= 60)); then crashes=0; fi
  if ((++crashes >= 3)); then break; fi
  say "it is started again"
  sleep $((2 ** crashes)) &
  wait $!
  if [[ -n $signalled ]]; then break; fi
done
rm -f "$note"

if [[ $requeue == yes ]]; then
  if [[ $signalled == TERM ]]; then
    # The scheduler ends this allocation, and knows whether it was cancelled, preempted or requeued. One that exits in
    # the grace of a preemption counts as done and is not started again: stay until the end has come.
    for ((i = 0; i < 120; ++i)); do
      if is_ending; then break; fi
      sleep 5 &
      wait $!
    done
  # A USR1 also counts where nobody could leave in peace: the launcher had no handler yet, or a rank crashed.
  elif [[ $why == preempted || $why == time_limit || ($signalled == USR1 && -z $why) ]] || lost_nodes; then
    if requeue_allocation; then
      say "asked the scheduler to start this again"
    else
      say "the scheduler does not start this again; submit another pool"
    fi
  fi
fi
exit "$status"
)";

[[noreturn]] void refuse(const std::string& message) {
  throw Error(ErrorKind::invalid_input, message);
}

void check_path(const std::filesystem::path& path, const std::string& what) {
  if (!is_plain_word(path.string()) || !path.is_absolute())
    refuse(what + ": \"" + path.string() +
           "\" cannot stand in a batch script; use a path of printable ASCII without quotes, $, %, # and backslash");
}

void check_names(const BatchRequest& request) {
  if (!is_pool_name(request.name))
    refuse("--name: expected letters, digits and _ . - (at most 60), found \"" + request.name + "\"");
  if (!is_pool_name(request.title)) refuse("a batch script cannot be called \"" + request.title + "\"");
  const auto check = [](const char* option, const std::optional<std::string>& value, bool (*fits)(std::string_view)) {
    if (value && !fits(*value)) refuse(std::string(option) + ": \"" + *value + "\" is no name that a scheduler has");
  };
  check("--partition", request.profile.partition, is_scheduler_name);
  check("--account", request.profile.account, is_scheduler_name);
  check("--qos", request.profile.qos, is_scheduler_name);
  check("--constraint", request.profile.constraint, is_scheduler_value);
  for (const std::string& label : request.profile.labels) check("--labels", label, is_pool_name);
  for (const std::string& node : request.exclude) check("--exclude", node, is_scheduler_name);
  for (const std::string& option : request.profile.launcher_options) {
    if (!is_plain_word(option)) refuse("launcher_options: \"" + option + "\" is no plain word");
  }
  if (!is_plain_word(request.worker)) refuse("worker: \"" + request.worker + "\" is no plain word");
}

void check_time(const BatchRequest& request) {
  const std::int64_t needed = request.margin_s + request.checkpoint_s;
  if (request.time_s > needed) return;
  refuse(
      fmt::format("--time: {} s is too short: a pool leaves {} s before the end (margin) and writes a checkpoint "
                  "every {} s, so it needs more than {} s to get anywhere",
                  request.time_s, request.margin_s, request.checkpoint_s, needed));
}

void check_pbs(const BatchRequest& request) {
  if (request.scheduler != Scheduler::pbs) return;
  if (request.launcher == Launcher::srun) refuse("launcher: srun belongs to Slurm; PBS pools are started by mpirun");
  if (request.profile.qos || request.profile.constraint)
    refuse("qos and constraint belong to Slurm; give PBS its own words with extra: [\"-l NAME=VALUE\"]");
  if (!request.exclude.empty()) refuse("PBS cannot leave out nodes by name");
  if (request.store.string().find(' ') != std::string::npos) refuse("--store: PBS takes no path with a blank");
}

/// The bind option of a container's program is a list of paths.
void check_container(const BatchRequest& request) {
  if (!request.profile.container) return;
  for (const auto& [option, path] : {std::pair("--store", request.store), std::pair("--data", request.data)}) {
    if (path.string().find_first_of(":,") != std::string::npos)
      refuse(std::string(option) + ": \"" + path.string() +
             "\" cannot be bound into a container; use a path without : and ,");
  }
}

std::string assignments(const BatchRequest& request) {
  return fmt::format(
      "label={}-$allocation\nstore={}\nranks={}\ntime_limit={}\nmargin={}\nrequeue={}\nnote=$store/pools/$label.left\n",
      shell_quoted(request.name), shell_quoted(request.store.string()), request.ranks(), request.time_s,
      request.margin_s, request.requeue ? "yes" : "no");
}

/// Slurm's directives name the output file; PBS has no file name with the id in it.
std::string redirection(const BatchRequest& request) {
  return request.scheduler == Scheduler::pbs ? "exec >>\"$store/logs/$label.log\" 2>&1\n" : "";
}

/// One compute thread per rank; mpirun may run as root, and waits for ranks that write a checkpoint when the
/// scheduler's TERM reaches it first.
std::string exports(const BatchRequest& request) {
  std::string text =
      "export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1\n"
      "export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1\n"
      "export PRTE_ALLOW_RUN_AS_ROOT=1 PRTE_ALLOW_RUN_AS_ROOT_CONFIRM=1\n"
      "export OMPI_MCA_odls_base_sigkill_timeout=5\n";
  for (const auto& [name, value] : request.profile.environment)
    text += "export " + name + "=" + shell_quoted(value) + "\n";
  return text;
}

std::string modules(const BatchRequest& request) {
  if (request.profile.modules.empty()) return "";
  std::string text = kModules;
  for (const std::string& name : request.profile.modules) text += "module load " + shell_quoted(name) + " || exit 3\n";
  return text;
}

/// The lines of one long command.
class CommandText {
 public:
  void add(const std::string& words) { text_ += (text_.empty() ? "  exec " : " \\\n    ") + words; }
  void add_option(const std::string& option, const std::string& value) { add(option + " " + shell_quoted(value)); }
  std::string text() const { return "launch() {\n" + text_ + "\n}\n"; }

 private:
  std::string text_;
};

std::string launch(const BatchRequest& request) {
  CommandText command;
  if (request.launcher == Launcher::srun) {
    command.add("srun --mpi=" + shell_quoted(request.profile.mpi) + " --no-kill --ntasks=\"$ranks\"");
  } else {
    command.add("mpirun -np \"$ranks\" --bind-to none");
  }
  for (const std::string& option : request.profile.launcher_options) command.add(shell_quoted(option));
  if (request.profile.container) {
    command.add(shell_quoted(request.profile.container->program) + " exec");
    for (const std::string& argument : request.profile.container->arguments) command.add(shell_quoted(argument));
    command.add_option("--bind", request.store.string());
    if (!request.data.empty()) command.add_option("--bind", request.data.string());
    command.add(shell_quoted(request.profile.container->image));
  }
  command.add(shell_quoted(request.worker));
  command.add("--store \"$store\" --label \"$label\" --ranks \"$ranks\"");
  command.add("--time-limit \"$1\" --left-note \"$note\"");
  command.add_option("--device", request.device);
  command.add_option("--checkpoint-every", std::to_string(request.checkpoint_s));
  // The last step may take half of the reserved time.
  command.add_option("--grace", std::to_string(std::clamp<std::int64_t>(request.margin_s / 2, 1, 30)));
  if (!request.profile.labels.empty())
    command.add_option("--labels", fmt::format("{}", fmt::join(request.profile.labels, ",")));
  if (request.idle_s > 0) command.add_option("--idle-limit", std::to_string(request.idle_s));
  if (request.memory_gb) command.add_option("--memory-per-rank", fmt::format("{}", *request.memory_gb));
  if (!request.data.empty()) command.add_option("--data", request.data.string());
  return command.text();
}

}  // namespace

std::string shell_quoted(const std::string& text) {
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? "'\\''" : std::string(1, c);
  return quoted + "'";
}

std::string batch_script(const BatchRequest& request) {
  check_names(request);
  check_path(request.store, "--store");
  if (!request.data.empty()) check_path(request.data, "--data");
  check_time(request);
  check_pbs(request);
  check_container(request);
  const bool pbs = request.scheduler == Scheduler::pbs;
  return "#!/bin/bash\n" + (pbs ? pbs_head(request) : slurm_head(request)) +
         "\n# A pool of espalier-worker: it joins the coordinator of the store, and leaves in time.\n" +
         (pbs ? pbs_words() : slurm_words()) + assignments(request) + redirection(request) + "\n" + exports(request) +
         modules(request) + "\n" + launch(request) + kBody;
}

}  // namespace espalier
