#include "tests/orchestrator/pretend_pool.h"

#include <chrono>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>

#include "base/error.h"
#include "base/sha256.h"
#include "cluster/authentication.h"
#include "cluster/connection.h"

namespace espalier {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

ConnectionFile wait_for_coordinator(const StorePaths& store) {
  while (true) {
    try {
      return read_connection_file(store.connection());
    } catch (const Error&) {
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
  }
}

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

asio::awaitable<void> be_a_pool(ConnectionPtr connection, std::string secret, PretendPool::Options options,
                                std::string* end) {
  co_await introduce_to_coordinator(connection, Role::pool, secret);
  const std::string identity = random_bytes(16);
  connection->send(PoolDescription{"pretend-" + std::to_string(static_cast<unsigned char>(identity[0])), "pretend", 1,
                                   options.ranks, kNumericsEpoch, identity});
  asio::co_spawn(connection->executor(), connection->keep_alive(), [](std::exception_ptr) {});
  std::uint64_t sequence = 0;
  for (int rank = 0; rank < options.ranks; ++rank) {
    const std::vector<RankReport> ready{RankReady{"{\"host\": \"pretend\"}", "pretend", {}}};
    connection->send(FromRank{rank, encode(ready), ++sequence});
  }
  int jobs = 0;
  while (true) {
    const Message message = co_await connection->receive();
    if (std::holds_alternative<Leave>(message)) break;
    const ToRank* to = std::get_if<ToRank>(&message);
    if (to == nullptr) continue;
    std::vector<RankReport> reports;
    for (const RankCommand& command : decode_commands(to->commands)) {
      if (const RunJob* run = std::get_if<RunJob>(&command)) {
        if (jobs++ == options.lose_after_jobs) {
          *end = "lost";
          connection->close();
          co_return;
        }
        for (RankReport& report : answers_to(run->job)) reports.push_back(std::move(report));
      }
    }
    connection->send(FromRank{to->rank, encode(reports), ++sequence});
  }
  *end = "left";
  connection->send(Leaving{LossCause::drained});
  connection->close_after_sending();
}

}  // namespace

PretendPool::PretendPool(const StorePaths& store, Options options)
    : thread_([this, store, options] {
        const ConnectionFile where = wait_for_coordinator(store);
        asio::io_context io;
        tcp::socket socket(io);
        asio::connect(socket, tcp::resolver(io).resolve(where.host, std::to_string(where.port)));
        const std::string secret = options.secret.empty() ? load_secret(store.secret()) : options.secret;
        asio::co_spawn(io, be_a_pool(std::make_shared<Connection>(std::move(socket)), secret, options, &end_),
                       [this](std::exception_ptr error) {
                         try {
                           if (error) std::rethrow_exception(error);
                         } catch (const std::exception& e) {
                           end_ = e.what();
                         }
                       });
        io.run();
      }) {}

PretendPool::~PretendPool() {
  join();
}

std::string PretendPool::join() {
  if (thread_.joinable()) thread_.join();
  return end_;
}

}  // namespace espalier
