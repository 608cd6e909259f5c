#include "tests/orchestrator/coordinator/pretend_pool.h"

#include <chrono>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/clock.h"
#include "base/error.h"
#include "base/sha256.h"
#include "cluster/connection/connect.h"

namespace espalier {
namespace {

namespace asio = boost::asio;

std::vector<RankReport> answers_to(const Job& job) {
  std::vector<RankReport> reports;
  for (const JobStage& stage : job.stages) {
    StageOutcome outcome;
    outcome.key = stage.key;
    outcome.attempt = job.attempt;
    reports.emplace_back(StageReached{outcome});
  }
  reports.emplace_back(JobEnded{job.attempt, false, true, true, LossCause::drained});
  return reports;
}

}  // namespace

CoordinatorAddress wait_for_coordinator(const StorePaths& store) {
  while (true) {
    try {
      return CoordinatorSource::in_store(store.root).look_up(Role::pool);
    } catch (const Error&) {
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
  }
}

asio::awaitable<void> be_a_pool(CoordinatorAddress where, PretendPoolOptions options, PretendLife* life) {
  const ConnectionPtr connection = co_await connect_to_coordinator(where);
  if (life->identity.empty()) life->identity = random_bytes(16);
  PoolDescription description{"pretend-" + to_hex(sha256(life->identity)).substr(0, 8),
                              "pretend",
                              1,
                              options.ranks,
                              kNumericsEpoch,
                              life->identity};
  description.clock = utc_seconds() + options.clock_ahead;
  connection->send(description);
  asio::co_spawn(connection->executor(), connection->keep_alive(), [](std::exception_ptr) {});
  const auto say = [&](int rank, const std::vector<RankReport>& reports) {
    life->kept.push_back({rank, encode(reports), ++life->sequence});
    connection->send(life->kept.back());
  };
  for (const FromRank& frame : life->kept) connection->send(frame);
  for (int rank = 0; rank < options.ranks; ++rank) {
    RankReady ready{options.environment, "pretend", {}};
    std::vector<Job>& held = life->held[rank];
    for (const Job& job : held) ready.held.push_back(job.attempt);
    std::vector<RankReport> reports{ready};
    for (const Job& job : std::exchange(held, {})) {
      for (RankReport& report : answers_to(job)) reports.push_back(std::move(report));
    }
    say(rank, reports);
  }
  int jobs = 0;
  while (true) {
    const Message message = co_await connection->receive();
    if (std::holds_alternative<Leave>(message)) break;
    if (const Recorded* recorded = std::get_if<Recorded>(&message)) {
      while (!life->kept.empty() && life->kept.front().sequence <= recorded->sequence) life->kept.pop_front();
    }
    const ToRank* to = std::get_if<ToRank>(&message);
    if (to == nullptr) continue;
    for (const RankCommand& command : decode_commands(to->commands)) {
      if (const RunJob* run = std::get_if<RunJob>(&command)) life->held[to->rank].push_back(run->job);
    }
    std::vector<Job>& held = life->held[to->rank];
    jobs += static_cast<int>(held.size());
    if (options.lose_after_jobs >= 0 && jobs > options.lose_after_jobs) {
      life->end = "lost";
      connection->close();
      co_return;
    }
    if (options.pause.count() > 0) {
      asio::steady_timer timer(connection->executor(), options.pause * held.size());
      co_await timer.async_wait(asio::use_awaitable);
    }
    std::vector<RankReport> reports;
    for (const Job& job : std::exchange(held, {})) {
      for (RankReport& report : answers_to(job)) reports.push_back(std::move(report));
    }
    say(to->rank, reports);
  }
  life->end = "left";
  connection->send(Leaving{LossCause::drained});
  connection->close_after_sending();
}

PretendPool::PretendPool(const StorePaths& store, Options options)
    : thread_([this, store, options] {
        CoordinatorAddress where = wait_for_coordinator(store);
        if (!options.secret.empty()) where.key = options.secret;
        live(where, options);
      }) {}

PretendPool::PretendPool(CoordinatorAddress where, Options options)
    : thread_([this, where, options] { live(where, options); }) {}

void PretendPool::live(const CoordinatorAddress& where, const Options& options) {
  for (int lives = 0; lives <= options.returns && life_.end != "left"; ++lives) {
    asio::io_context io;
    PretendPoolOptions present = options;
    if (lives > 0 && lives == options.returns) present.lose_after_jobs = -1;
    asio::co_spawn(io, be_a_pool(where, present, &life_), [this](std::exception_ptr error) {
      try {
        if (error) std::rethrow_exception(error);
      } catch (const std::exception& e) {
        life_.end = e.what();
      }
    });
    io.run();
  }
}

PretendPool::~PretendPool() {
  join();
}

std::string PretendPool::join() {
  if (thread_.joinable()) thread_.join();
  return life_.end;
}

}  // namespace espalier
