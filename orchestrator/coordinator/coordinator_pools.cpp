// The coordinator's connections: joining pools, messages of pools and clients, and pools whose connection broke. A pool
// keeps its identity while it lives; it may reconnect many times.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "base/clock.h"
#include "base/duration_text.h"
#include "base/error.h"
#include "base/sha256.h"
#include "cluster/connection/handshake.h"
#include "experiments/pools/pool_words.h"
#include "orchestrator/coordinator/coordinator.h"
#include "orchestrator/pools/rank_environment.h"

namespace espalier {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

/// Limit over all pools: each costs memory.
constexpr std::int64_t kMostRanks = 100'000;

std::string owner_of(const PoolDescription& description) {
  return to_hex(sha256(description.identity));
}

}  // namespace

// Attempts of an earlier coordinator may still run: no other pool gets them before it is known which pools reconnect.
void Coordinator::remember_pools() {
  core_.remember_given_up(options_.given_up);
  std::map<std::pair<std::string, std::string>, std::vector<OpenAttempt>> by_pool;
  for (const OpenAttempt& attempt : options_.open) by_pool[{attempt.pool, attempt.owner}].push_back(attempt);
  for (const auto& [name, attempts] : by_pool) {
    const auto& [label, owner] = name;
    const PoolId pool = next_pool_++;
    pools_[pool].label = label;
    pools_[pool].owner = owner;
    perform(core_.remember_pool(pool, label, attempts, utc_seconds()));
    if (local_pools_.owns(label) && !local_pools_.was_taken_over(label)) {
      lose(pool, {LossCause::coordinator_lost, "it ended while no coordinator was there", {}, {}, {}, {}});
    } else {
      spawn("waiting for pool " + label, await_return(pool, true));
    }
  }
}

asio::awaitable<void> Coordinator::accept_connections() {
  while (true) {
    boost::system::error_code error;
    tcp::socket socket = co_await acceptor_.async_accept(asio::redirect_error(asio::use_awaitable, error));
    if (!acceptor_.is_open()) co_return;
    if (error) {
      if (failed_accepts_.count(error.message(), utc_seconds()))
        spdlog::warn("a connection could not be accepted, and is tried again: {}", error.message());
      asio::steady_timer pause(io_,
                               std::chrono::milliseconds(100));  // out of file descriptors, for example, which lasts
      co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, error));
      continue;
    }
    follow_rotation();
    const auto connection = std::make_shared<Connection>(std::move(socket), ConnectionLimits(), credentials_.tls());
    unproven_.add(connection);
    spawn("a connection", serve(connection));
  }
}

asio::awaitable<void> Coordinator::serve(ConnectionPtr connection) {
  const std::string from = connection->remote_address();
  std::optional<PoolDescription> pool;
  try {
    const Role role = co_await welcome_peer(connection, credentials_.secret(), from);
    spawn("a heartbeat", connection->keep_alive());
    const Message first = co_await connection->receive();
    if (role == Role::pool) pool = check_description(connection, first);
    if (role != Role::pool) co_await on_client(connection, role, first);
  } catch (const Error& error) {
    // An unauthenticated peer or a damaged frame affects no other connection, however often it happens.
    if (connection->trusted() || unproven_log_.count(from + ": " + error.what(), utc_seconds()))
      spdlog::warn("{}: {}", from, error.what());
  }
  if (pool) co_await serve_pool(connection, *pool);
  connection->close_after_sending();
}

PoolDescription Coordinator::check_description(const ConnectionPtr& connection, const Message& message) {
  const PoolDescription* description = std::get_if<PoolDescription>(&message);
  constexpr std::size_t kShortestIdentity = 16;
  constexpr std::size_t kLongestName = 200;
  constexpr std::size_t kMostLabels = 100;
  const auto is_name = [&](const std::string& text) { return text.size() <= kLongestName && is_pool_name(text); };
  if (description == nullptr || description->identity.size() < kShortestIdentity ||
      description->identity.size() > kLongestName || !is_name(description->label) || !is_name(description->host) ||
      description->labels.size() > kMostLabels || !std::ranges::all_of(description->labels, is_name)) {
    throw Error(ErrorKind::corrupt, "a pool did not describe itself");
  }
  const auto refuse = [&](const std::string& why) {
    connection->send(Refused{why});
    throw Error(ErrorKind::unavailable, "refused a pool: " + why);
  };
  if (local_pools_.owns(description->label) && !local_pools_.is(description->label, description->identity)) {
    refuse(fmt::format("{} is the name of a pool that this coordinator starts itself; choose another --label",
                       description->label));
  }
  std::int64_t ranks = description->ranks;
  for (const auto& [id, link] : pools_) {
    if (link.owner != owner_of(*description)) ranks += link.description.ranks;
  }
  if (description->ranks < 1 || ranks > kMostRanks) {
    refuse(fmt::format("it has {} ranks, which with those that are here is none, or more than the {} of a coordinator",
                       description->ranks, kMostRanks));
  }
  if (description->numerics_epoch != kNumericsEpoch) {
    refuse(fmt::format(
        "its numbers are of epoch {}, the coordinator's of epoch {}, and results of two epochs are never mixed; update "
        "{}",
        description->numerics_epoch, kNumericsEpoch,
        description->numerics_epoch < kNumericsEpoch ? "the pool's espalier-worker" : "the coordinator's espalier"));
  }
  return *description;
}

// The same pool again, by its identity, or one that the database remembers.
PoolId Coordinator::attach(const ConnectionPtr& connection, const PoolDescription& description) {
  const std::string owner = owner_of(description);
  const auto found = std::ranges::find_if(pools_, [&](const auto& entry) { return entry.second.owner == owner; });
  const PoolId pool = found == pools_.end() ? next_pool_++ : found->first;
  PoolLink& link = pools_[pool];
  if (link.connection) link.connection->close();  // half open: its coroutine notices that it was replaced
  link.connection = connection;
  link.label = description.label;
  link.owner = owner;
  link.description = description;
  link.described_at = utc_seconds();
  if (link.joined_at == 0) link.joined_at = utc_seconds();
  return pool;
}

// Times in the store are the coordinator's, so results are not affected; comparisons with a cluster's logs are.
void Coordinator::warn_about_clock(const PoolDescription& description) {
  constexpr double kNoticeable = 60;
  const double ahead = description.clock - utc_seconds();
  if (std::abs(ahead) < kNoticeable) return;
  notify_user(fmt::format(
      "pool {}: the clock of {} is {} {} this machine's; its times are recorded by this one, and its logs bear "
      "its own: set one of the two right (timedatectl set-ntp true)",
      description.label, description.host, duration_text(std::abs(ahead)), ahead > 0 ? "ahead of" : "behind"));
}

asio::awaitable<void> Coordinator::serve_pool(ConnectionPtr connection, PoolDescription description) {
  co_await core_lent_.wait();
  const PoolId pool = attach(connection, description);
  spdlog::info("pool {} joined: {} ranks, host {}, pid {}", description.label, description.ranks, description.host,
               description.pid);
  warn_about_clock(description);
  local_pools_.on_joined(description.label);
  files_.greet(pool, connection);
  perform(core_.on_pool_joined(pool, description.label, description.ranks, utc_seconds(), description.labels,
                               owner_of(description)));
  std::string why;
  bool was_silent = false;
  while (why.empty()) {
    Message message;
    try {
      message = co_await connection->receive();
    } catch (const Error& error) {
      why = error.what();
      was_silent = connection->fell_silent();
    }
    co_await core_lent_.wait();
    const auto link = pools_.find(pool);
    if (link == pools_.end() || link->second.connection != connection) co_return;  // it has a newer one
    if (!why.empty()) break;
    // Outside of the other try: an error in handling a valid message is a bug of ours, and ends the run.
    try {
      if (!handle(pool, message)) co_return;
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::corrupt) throw;
      why = error.what();
    }
  }
  connection->close();
  spdlog::warn("pool {}: {}", description.label, why);
  pools_.at(pool).connection.reset();
  files_.silence(pool);
  perform(core_.on_pool_silent(pool, utc_seconds()));
  co_await await_return(pool, was_silent);
}

/// False: it has left.
bool Coordinator::handle(PoolId pool, const Message& message) {
  PoolLink& link = pools_.at(pool);
  if (const FromRank* from = std::get_if<FromRank>(&message)) {
    if (from->sequence == 0) throw Error(ErrorKind::corrupt, "a frame without a number");
    if (from->sequence <= link.handled) return true;  // a duplicate
    on_reports(pool, from->rank, decode_reports(from->reports));
    link.handled = from->sequence;
    return true;
  }
  if (const Leaving* leaving = std::get_if<Leaving>(&message)) {
    commit();
    acknowledge();
    spdlog::info("pool {} left: {}", link.label, to_string(leaving->cause));
    const LossCause cause = budget_of(leaving->cause) == Budget::none ? leaving->cause : LossCause::preempted;
    lose(pool, {cause, std::string(to_string(cause)), {}, {}, {}, {}});
    return false;
  }
  if (files_.handle(pool, message)) return true;
  if (!std::holds_alternative<Heartbeat>(message)) throw Error(ErrorKind::corrupt, "a pool said what pools do not say");
  return true;
}

/// The message was ignored. Honest pools send such after a long disconnection.
void Coordinator::log_violation(const ProtocolViolation& violation) {
  constexpr int kMostNoted = 20;
  const auto link = pools_.find(violation.pool);
  if (link == pools_.end() || ++link->second.violations > kMostNoted) return;
  spdlog::warn("pool {} said {}: it counts for nothing{}", link->second.label, violation.what,
               link->second.violations == kMostNoted ? "; no more is said of this pool" : "");
}

void Coordinator::lose(PoolId pool, const PoolEnd& end) {
  pools_.erase(pool);
  files_.forget(pool);
  perform(core_.on_pool_lost(pool, end, utc_seconds()));
}

// The network may be at fault, or we were suspended. For our own pool the end of its process, noticed a second later,
// says more than a broken connection.
asio::awaitable<void> Coordinator::await_return(PoolId pool, bool was_silent) {
  const std::string label = pools_.at(pool).label;
  const auto limit = std::chrono::steady_clock::now() + options_.return_limit;
  const int absence = ++pools_.at(pool).absences;
  asio::steady_timer timer(io_);
  boost::system::error_code ignored;
  while (true) {
    co_await core_lent_.wait();
    const auto link = pools_.find(pool);
    if (link == pools_.end() || link->second.connection) co_return;
    if (link->second.absences != absence)
      co_return;  // it reconnected and broke again; another coroutine waits for that
    if (auto end = local_pools_.end_of(label)) {
      spdlog::warn("pool {}: {}", label, end->why);
      lose(pool, *end);
      co_return;
    }
    if (std::chrono::steady_clock::now() > limit || (core_.finished() && !options_.stays)) break;
    timer.expires_after(std::chrono::milliseconds(100));
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
  if (core_.finished() && !options_.stays) {  // nothing is left to run
    lose(pool, {LossCause::drained, "", {}, {}, {}, {}});
    co_return;
  }
  const bool remembered = pools_.at(pool).joined_at == 0;
  const LossCause cause = remembered   ? LossCause::coordinator_lost
                          : was_silent ? LossCause::heartbeat
                                       : LossCause::node_lost;
  const std::string why =
      fmt::format("it sent nothing for {:.0f} s", static_cast<double>(options_.return_limit.count()) / 1000);
  notify_user(fmt::format("pool {}: {}; its jobs go to others", label, why));
  local_pools_.kill(label);
  lose(pool, {cause, why, {}, {}, {}, {}});
}

void Coordinator::on_reports(PoolId pool, int rank, std::vector<RankReport> reports) {
  const Now now = utc_seconds();
  for (RankReport& report : reports) {
    if (RankReady* ready = std::get_if<RankReady>(&report)) {
      pools_.at(pool).cores[rank] = ready->cores;
      const RankFacts facts{record_environment(ready->environment), ready->host, ready->gpu, ready->memory_gb};
      perform(core_.on_rank_ready(pool, rank, facts, ready->held, now));
    } else if (StageReached* reached = std::get_if<StageReached>(&report)) {
      const StageOutcome& said = reached->outcome;
      const bool makes_it = core_.claim_of(pool, said.key) == Core::FileClaim::wanted;
      if (makes_it && !said.failure && !files_.settle(said.key, said.artifact_sha256)) {
        log_violation({pool, "an outcome whose file is not the one that lies in the store"});
        continue;
      }
      perform(core_.on_stage_reached(pool, rank, std::move(reached->outcome), now));
    } else if (JobEnded* ended = std::get_if<JobEnded>(&report)) {
      const AttemptEnd end{ended->attempt, ended->interrupted, ended->started, ended->progressed, ended->cause};
      perform(core_.on_job_ended(pool, rank, end, now));
    } else if (JobProgress* progress = std::get_if<JobProgress>(&report)) {
      if (progress->end_step > 0)
        core_.on_progress(pool, progress->attempt,
                          static_cast<double>(progress->step) / static_cast<double>(progress->end_step));
    }
  }
}

// Committed with the next outcomes, before rows that refer to it.
EnvironmentId Coordinator::record_environment(const std::string& json) {
  const std::string text = checked_environment(json);
  const auto known = environments_.find(text);
  if (known != environments_.end()) return known->second;
  EnvironmentId highest = 0;
  for (const auto& [other, id] : environments_) highest = std::max(highest, id);
  changes_.add(EnvironmentSeen{highest + 1, text});
  return environments_[text] = highest + 1;
}

}  // namespace espalier
