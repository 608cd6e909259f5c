// Requests of clients (docs/protocol.md): status and control. Arguments and answers are JSON. An error in a request is
// sent to that client and affects nothing else.
#include <algorithm>
#include <chrono>
#include <exception>
#include <unistd.h>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <spdlog/spdlog.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/host_name.h"
#include "experiments/formats/json_text.h"
#include "orchestrator/coordinator/coordinator.h"

namespace espalier {
namespace {

namespace asio = boost::asio;
using nlohmann::json;

constexpr std::size_t kMostListed = 10000;
constexpr int kMostUrgent = 1000;
constexpr std::size_t kMostSubmissions = 100;

std::string text_of(const json& arguments, const char* name) {
  const auto found = arguments.find(name);
  return found != arguments.end() && found->is_string() ? found->get<std::string>() : "";
}

Error wrong(const std::string& why) {
  return Error(ErrorKind::invalid_input, why);
}

/// The choices, for a message about an unknown name.
std::string list(const std::vector<std::string>& names) {
  return names.empty() ? "there is none" : fmt::format("there is {}", fmt::join(names, ", "));
}

std::string state_of(const Workload::Sweep& sweep) {
  if (!sweep.end) return sweep.paused ? "paused" : "running";
  switch (*sweep.end) {
    case SweepEnd::finished:
      return "finished";
    case SweepEnd::cancelled:
      return "cancelled";
    case SweepEnd::too_many_failures:
      return "failed";
  }
  return "finished";
}

json describe_waiting(const std::vector<WaitingJobs>& waiting) {
  json list = json::array();
  for (const auto& [demand, count] : waiting) {
    const auto& [gpus, memory_gb, label] = demand.resources;
    list.push_back(
        {{"jobs", count}, {"ranks", demand.ranks}, {"gpus", gpus}, {"memory_gb", memory_gb}, {"label", label}});
  }
  return list;
}

json or_null(const std::optional<double>& value) {
  return value ? json(*value) : json();
}

}  // namespace

asio::awaitable<void> Coordinator::on_client(ConnectionPtr connection, Role role, Message message) {
  const Ask* ask = std::get_if<Ask>(&message);
  if (ask == nullptr) throw Error(ErrorKind::corrupt, "a client said what clients do not say");
  spawn("a client that waits", watch_client(connection));
  co_await core_lent_.wait();
  try {
    std::string said = co_await answer(*ask, role);
    connection->send(Answer{true, std::move(said)});
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::internal || error.kind() == ErrorKind::corrupt) throw;
    connection->send(Answer{false, error.what()});
  } catch (const std::exception& error) {  // a request must not end the run
    spdlog::error("the question \"{}\" failed: {}", ask->question, error.what());
    connection->send(Answer{false, error.what()});
  }
}

/// Until the answer, a client sends only heartbeats. Its request is completed even if it disconnects.
asio::awaitable<void> Coordinator::watch_client(ConnectionPtr connection) {
  try {
    while (std::holds_alternative<Heartbeat>(co_await connection->receive())) {
    }
    connection->close();
  } catch (const Error&) {  // it was answered or has disconnected
    connection->close();
  }
}

asio::awaitable<std::string> Coordinator::answer(Ask ask, Role role) {
  const std::string text = ask.arguments.empty() ? "{}" : ask.arguments;
  const json arguments = json::parse(text, nullptr, false);
  if (!arguments.is_object()) throw wrong("the question's arguments are not a JSON object");
  const std::string& question = ask.question;
  const bool is_read_only = question == "status" || question == "pools" || question == "jobs";
  if (role == Role::reader && !is_read_only) {
    throw wrong(
        "a reader's token is for status, pools and jobs alone; this needs a client's: espalier token write FILE "
        "--role client");
  }
  json reply = json::object();
  if (question == "status") {
    reply = describe_status();
  } else if (question == "pools") {
    reply = describe_pools();
  } else if (question == "jobs") {
    reply = describe_jobs();
  } else if (question == "submit") {
    reply = co_await submit(text);
  } else if (question == "stop" || (question == "cancel" && !options_.stays)) {
    begin_stop(question == "stop" ? Ending::interrupted : Ending::cancelled);
  } else if (question == "cancel") {
    const SweepId sweep = named_sweep(arguments);
    co_await change_sweep(sweep, [=, this] { return core_.cancel_sweep(sweep, utc_seconds()); });
  } else if (question == "pause") {
    const SweepId sweep = named_sweep(arguments);
    co_await change_sweep(sweep, [=, this] { return core_.pause_sweep(sweep, utc_seconds()); });
  } else if (question == "resume") {
    const SweepId sweep = named_sweep(arguments);
    co_await change_sweep(sweep, [=, this] { return core_.resume_sweep(sweep, utc_seconds()); });
  } else if (question == "priority") {
    const json priority = arguments.value("priority", json());
    if (!priority.is_number_integer() || std::abs(priority.get<double>()) > kMostUrgent)
      throw wrong(fmt::format("a priority is a whole number from -{0} to {0}", kMostUrgent));
    const SweepId sweep = named_sweep(arguments);
    co_await change_sweep(sweep,
                          [=, this, to = priority.get<int>()] { return core_.set_priority(sweep, to, utc_seconds()); });
  } else if (question == "drain") {
    perform(core_.drain_pool(named_pool(text_of(arguments, "pool")), utc_seconds()));
  } else if (question == "drop_pools") {
    spdlog::warn("a client asked to break the connections of all pools");
    for (auto& [id, link] : pools_) {
      if (link.connection) link.connection->close();
    }
  } else {
    throw wrong("the coordinator does not know the question \"" + question + "\"; update it, or ask less");
  }
  co_return json_text(reply, -1);
}

/// For changes that replan: for a large sweep that takes longer than the loop may be busy.
asio::awaitable<void> Coordinator::lend_core(std::function<void()> work) {
  co_await core_lent_.wait();
  core_lent_.take();
  std::exception_ptr error;
  try {
    co_await core_side_.run(std::move(work));
  } catch (...) {
    error = std::current_exception();
  }
  core_lent_.give_back();
  if (error) std::rethrow_exception(error);
}

asio::awaitable<void> Coordinator::change_core(std::function<Effects()> change) {
  Effects effects;
  co_await lend_core([&] { effects = change(); });
  perform(std::move(effects));
}

/// One after the other, in order of arrival.
asio::awaitable<json> Coordinator::submit(std::string arguments) {
  if (!options_.on_submit) {
    throw wrong(
        "this coordinator runs one sweep (espalier run) and takes no others; wait for it, or cancel it and start "
        "espalier serve on its store");
  }
  if (submissions_ >= kMostSubmissions)
    throw Error(ErrorKind::exhausted, "too many sweeps wait to be taken in; submit it again in a while");
  ++submissions_;
  co_await submission_.wait();
  submission_.take();
  json reply;
  std::exception_ptr error;
  try {
    SubmittedSweep submitted;
    co_await side_.run([&] { submitted = options_.on_submit(arguments, stop_.get_token()); });
    reply = co_await take_in(std::move(submitted));
  } catch (...) {
    error = std::current_exception();
  }
  submission_.give_back();
  --submissions_;
  if (error) std::rethrow_exception(error);
  co_return reply;
}

asio::awaitable<json> Coordinator::take_in(SubmittedSweep submitted) {
  co_await settle_before_submission();
  co_await core_lent_.wait();
  const auto is_it = [&](const Workload::Sweep& known) { return known.id == submitted.known && !known.end; };
  json reply{{"sweep", submitted.sweep.name},
             {"trials", submitted.sweep.graph.trials.size()},
             {"stages", submitted.sweep.graph.stages.size()},
             {"warnings", json::array()}};
  for (const Diagnostic& warning : submitted.sweep.warnings) reply["warnings"].push_back(to_string(warning));
  reply["runs_already"] = std::ranges::any_of(core_.sweeps(), is_it);
  if (reply["runs_already"]) {  // a running sweep keeps its settings, even if submitted with others
    std::int64_t done = 0;
    co_await lend_core([&] {
      const LoadedSweep sweep = std::move(submitted.sweep);
      done = std::ranges::count_if(sweep.graph.stages, [&](const Stage& stage) { return core_.is_done(stage.key); });
    });
    reply["done"] = done;
    co_return reply;
  }
  SweepToRun sweep;
  co_await side_.run([&] { sweep = submitted.take_in(std::move(submitted.sweep)); });
  reply["done"] = std::ranges::count(sweep.done, true);
  if (!sweep.data.empty()) files_.add_data(sweep.data);
  co_await change_core([&] { return core_.add_sweep(std::move(sweep), utc_seconds()); });
  co_return reply;
}

/// The end of a sweep is recorded before it may begin again; otherwise it would end the new run.
asio::awaitable<void> Coordinator::settle_before_submission() {
  asio::steady_timer timer(io_);
  boost::system::error_code ignored;
  while (!ended_sweeps_.empty()) {
    if (!commit_trouble_.empty() || locked_since_ != 0)
      throw Error(ErrorKind::exhausted, commit_trouble() + "; submit it again once that is over");
    timer.expires_after(std::chrono::milliseconds(10));
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
}

asio::awaitable<void> Coordinator::change_sweep(SweepId id, std::function<Effects()> change) {
  co_await change_core(std::move(change));
  const auto found = std::ranges::find(core_.sweeps(), id, &Workload::Sweep::id);
  // Reports the sweep that ended.
  if (!options_.on_sweep_changed || found == core_.sweeps().end() || found->end) co_return;
  const ChangedSweep changed{id, found->priority, found->paused};
  co_await side_.run([&] { options_.on_sweep_changed(changed); });
}

SweepId Coordinator::named_sweep(const json& arguments) const {
  const std::string name = text_of(arguments, "sweep");
  std::vector<std::string> names;
  std::optional<SweepId> only, found;
  for (const Workload::Sweep& sweep : core_.sweeps()) {
    if (sweep.end) continue;
    names.push_back(sweep.name);
    only = sweep.id;
    if (sweep.name == name) found = sweep.id;
  }
  if (name.empty() && names.size() == 1) return *only;
  if (name.empty()) throw wrong("say which sweep is meant; " + list(names));
  if (!found) throw wrong("no sweep called " + name + " is at work; " + list(names));
  return *found;
}

PoolId Coordinator::named_pool(const std::string& label) const {
  std::vector<std::string> labels;
  for (const auto& [id, link] : pools_) {
    if (link.label == label) return id;
    labels.push_back(link.label);
  }
  throw wrong("no pool called " + label + " is here; " + list(labels));
}

json Coordinator::describe_status() const {
  const SweepStatus status = core_.status();
  json sweeps = json::array();
  for (const Workload::Sweep& sweep : core_.sweeps()) {
    const SweepStatus one = core_.sweep_status(sweep);
    sweeps.push_back({{"sweep", sweep.name},
                      {"state", state_of(sweep)},
                      {"priority", sweep.priority},
                      {"trials", one.trials},
                      {"trials_done", one.trials_done},
                      {"trials_failed", one.trials_failed},
                      {"trials_blocked", one.trials_blocked}});
  }
  return {{"host", host_name()},
          {"pid", ::getpid()},
          {"protocol", kProtocolVersion},
          {"stays", options_.stays},
          {"elapsed_s", elapsed_s()},
          {"sweeps", std::move(sweeps)},
          {"pools", pools_.size()},
          {"ranks", status.ranks},
          {"jobs_running", status.jobs_running},
          {"jobs_finished", status.jobs_finished},
          {"stages", status.stages},
          {"stages_done", status.stages_done},
          {"stages_ready", status.stages_ready},
          {"waiting", describe_waiting(core_.waiting_jobs())},
          {"stages_failed", status.stages_failed},
          {"remaining_s", or_null(seconds_left(status, earlier_seconds_per_cost_))},
          {"submissions", submissions_},
          {"stopping", core_.stopping()},
          {"paused", status.paused},
          {"text", progress_text(status, earlier_seconds_per_cost_, elapsed_s())}};
}

json Coordinator::describe_pools() const {
  json pools = json::array();
  const double now = utc_seconds();
  for (const auto& [id, link] : pools_) {
    if (pools.size() == kMostListed) break;
    const PoolSlot* slot = core_.find_pool(id);
    std::map<std::string, int> cores;
    std::set<std::string> gpus;
    std::int64_t busy = 0;
    double memory_gb = 0;
    for (std::size_t rank = 0; slot != nullptr && rank < slot->ranks.size(); ++rank) {
      const RankSlot& one = slot->ranks[rank];
      busy += one.queue.empty() ? 0 : 1;
      memory_gb += one.memory_gb;
      const auto known = link.cores.find(static_cast<int>(rank));
      if (!one.host.empty()) cores[one.host] = known == link.cores.end() ? 0 : known->second;
      if (!one.gpu.empty()) gpus.insert(one.host + " " + one.gpu);
    }
    const PoolDescription& said = link.description;
    json hosts = json::array();
    int all_cores = 0;
    for (const auto& [host, count] : cores) {
      hosts.push_back(host);
      all_cores += count;
    }
    pools.push_back(
        {{"pool", link.label},
         {"state", !link.connection                    ? "silent"
                   : slot != nullptr && slot->draining ? "leaving"
                                                       : "here"},
         {"ranks", slot == nullptr ? 0 : slot->ranks.size()},
         {"busy", busy},
         {"jobs", slot == nullptr ? 0 : slot->jobs},
         {"hosts", std::move(hosts)},
         {"cores", all_cores},
         {"memory_gb", memory_gb},
         {"gpus", gpus.size()},
         {"labels", said.labels},
         {"joined_at", link.joined_at},
         {"seconds_left",
          said.seconds_left ? json(static_cast<double>(*said.seconds_left) - (now - link.described_at)) : json()}});
  }
  return {{"pools", std::move(pools)}};
}

json Coordinator::describe_jobs() const {
  json jobs = json::array();
  for (const Core::RunningJob& job : core_.running_jobs(kMostListed)) {
    jobs.push_back({{"job", job.attempt},
                    {"stage", job.stage},
                    {"key", to_hex(job.key)},
                    {"sweep", job.sweep},
                    {"pool", job.pool},
                    {"rank", job.rank},
                    {"ranks", job.ranks},
                    {"host", job.host},
                    {"since", job.sent_at},
                    {"state", job.waits ? "waiting" : "running"},
                    {"fraction", job.fraction}});
  }
  return {{"jobs", std::move(jobs)}};
}

}  // namespace espalier
