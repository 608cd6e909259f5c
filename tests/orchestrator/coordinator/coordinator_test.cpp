// The coordinator with its real sockets and its real store; only the pools are pretended.
#include "orchestrator/coordinator/coordinator.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <functional>
#include <future>
#include <sstream>
#include <thread>
#include <unistd.h>

#include <SQLiteCpp/SQLiteCpp.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/write.hpp>
#include <gmock/gmock.h>
#include <nlohmann/json.hpp>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include "base/error.h"
#include "base/host_name.h"
#include "cluster/auth/authentication.h"
#include "cluster/connection/connect.h"
#include "cluster/connection/credentials.h"
#include "db/read/store_reader.h"
#include "experiments/spec/sweep_limits.h"
#include "orchestrator/client/client.h"
#include "tests/db/sample_sweep.h"
#include "tests/orchestrator/coordinator/pretend_pool.h"
#include "tests/orchestrator/noop_graph.h"

namespace espalier {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr int kJobs = 400;

boost::asio::awaitable<void> say_something_odd(CoordinatorAddress where) {
  const ConnectionPtr connection = co_await connect_to_coordinator(where);
  connection->send(PoolDescription{"odd", "odd", 1, 1, kNumericsEpoch, "odd but long enough"});
  connection->send(Hello{});  // a handshake, replayed
  while (true) co_await connection->receive();
}

/// Why the connection of a pool that talks out of turn ended.
std::string end_of_odd_pool(const StorePaths& paths) {
  boost::asio::io_context io;
  std::string end;
  boost::asio::co_spawn(io, say_something_odd(wait_for_coordinator(paths)), [&end](std::exception_ptr error) {
    try {
      std::rethrow_exception(error);
    } catch (const Error& e) {
      end = e.what();
    }
  });
  io.run();
  return end;
}

class CoordinatorWithPools : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() / ("espalier_coordinator_" + std::to_string(::getpid()) + "_" +
                                                        testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::remove_all(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  /// Runs the jobs that are not done yet beside whatever `meanwhile` starts.
  Coordinator::Ending run(const std::function<void(const StorePaths&)>& meanwhile) {
    Store store(folder_, store_options_);
    const SweepId id = store.record_sweep("noop", "", {}, graph_);
    Core core({store.generation(), options_.stays});
    core.add_sweep({id, "noop", graph_, store.done_stages(graph_)}, 0);
    ProgressLine progress(out_, false);
    CoordinatorOptions options = options_;
    options.return_limit = std::chrono::milliseconds(500);
    Coordinator coordinator(store, core, options, progress);
    meanwhile(store.paths());
    return coordinator.run();
  }
  std::int64_t done() {
    const std::vector<bool> flags = StoreReader(folder_).done_stages(graph_);
    return std::count(flags.begin(), flags.end(), true);
  }
  std::unique_ptr<PretendPool> pool(const StorePaths& paths, PretendPool::Options options = {}) {
    return std::make_unique<PretendPool>(paths, options);
  }
  /// 30 unauthenticated connections, then, after that time, the pool that does the work.
  void meet_unproven_peers(std::chrono::seconds before_the_pool);

  CoordinatorOptions options_;
  StoreOptions store_options_;
  std::filesystem::path folder_;
  StageGraph graph_ = noop_graph(kJobs);
  std::ostringstream out_;
};

TEST_F(CoordinatorWithPools, CommitsEveryOutcomeOnce) {
  std::unique_ptr<PretendPool> first, second;
  const auto ending = run([&](const StorePaths& paths) {
    first = pool(paths);
    second = pool(paths, {3, -1, 0, ""});
  });
  EXPECT_EQ(ending, Coordinator::Ending::finished);
  EXPECT_EQ(first->join(), "left");
  EXPECT_EQ(second->join(), "left");
  EXPECT_EQ(done(), kJobs);
}

TEST_F(CoordinatorWithPools, APoolThatVanishesLosesNothing) {
  std::unique_ptr<PretendPool> lost, good;
  run([&](const StorePaths& paths) {
    lost = pool(paths, {2, 20, 0, ""});
    good = pool(paths);
  });
  EXPECT_EQ(good->join(), "left");
  EXPECT_EQ(done(), kJobs);
}

TEST_F(CoordinatorWithPools, APoolThatComesBackGoesOnWithWhatItHolds) {
  std::unique_ptr<PretendPool> back;
  run([&](const StorePaths& paths) { back = pool(paths, {2, 20, 5, ""}); });
  EXPECT_EQ(back->join(), "left");
  EXPECT_EQ(done(), kJobs);
  // Nothing that it held was started again.
  std::size_t started = 0;
  for (const Stage& stage : graph_.stages) {
    for (const AttemptRow& attempt : StoreReader(folder_).stage(to_hex(stage.key)).attempts)
      started += attempt.how == "returned" ? 0 : 1;
  }
  EXPECT_EQ(started, static_cast<std::size_t>(kJobs));
}

TEST_F(CoordinatorWithPools, WhatPoolsDoNotSayEndsTheirConnectionAndDisturbsNobody) {
  std::unique_ptr<PretendPool> good;
  std::thread odd;
  std::string end;
  run([&](const StorePaths& paths) {
    odd = std::thread([paths, &end] { end = end_of_odd_pool(paths); });
    good = pool(paths);
  });
  odd.join();
  EXPECT_NE(end.find("the connection ended"), std::string::npos) << end;
  EXPECT_EQ(good->join(), "left");
  EXPECT_EQ(done(), kJobs);
}

TEST_F(CoordinatorWithPools, StrangersAreRefusedAndDisturbNobody) {
  std::unique_ptr<PretendPool> peer, good;
  run([&](const StorePaths& paths) {
    boost::asio::io_context io;
    boost::asio::ip::tcp::socket garbage(io);
    garbage.connect({boost::asio::ip::make_address("127.0.0.1"),
                     static_cast<std::uint16_t>(read_connection_file(paths.connection()).port)});
    boost::asio::write(garbage, boost::asio::buffer(std::string("GET / HTTP/1.1\r\n\r\n")));
    peer = pool(paths, {1, -1, 0, "not the secret, but as long as it"});
    good = pool(paths);
  });
  EXPECT_NE(peer->join().find("does not know this store's secret"), std::string::npos);
  EXPECT_EQ(good->join(), "left");
  EXPECT_EQ(done(), kJobs);
}

TEST_F(CoordinatorWithPools, CancelStopsItAndTheNextRunFinishes) {
  std::thread canceller;
  const auto ending = run([&](const StorePaths& paths) {
    canceller = std::thread([paths] { ask_coordinator(CoordinatorSource::in_store(paths.root), "cancel"); });
  });
  canceller.join();
  EXPECT_EQ(ending, Coordinator::Ending::cancelled);
  std::unique_ptr<PretendPool> good;
  EXPECT_EQ(run([&](const StorePaths& paths) { good = pool(paths); }), Coordinator::Ending::finished);
  EXPECT_EQ(done(), kJobs);
}

TEST_F(CoordinatorWithPools, AnEndThatCannotBeWrittenYetIsWrittenLater) {
  std::vector<ErrorKind> troubles{ErrorKind::unavailable, ErrorKind::exhausted};
  int announced = 0;
  std::thread stopper;
  options_.stays = true;
  options_.on_sweep_ended = [&](const EndedSweep& sweep) {
    if (!troubles.empty()) {
      const ErrorKind kind = troubles.back();
      troubles.pop_back();
      throw Error(kind, "not now");
    }
    EXPECT_EQ(sweep.how, SweepEnd::finished);
    EXPECT_EQ(done(), kJobs);  // only what is durable has ended
    ++announced;
    stopper = std::thread([this] { ask_coordinator(CoordinatorSource::in_store(folder_), "stop"); });
  };
  std::unique_ptr<PretendPool> good;
  EXPECT_EQ(run([&](const StorePaths& paths) { good = pool(paths); }), Coordinator::Ending::interrupted);
  if (stopper.joinable()) stopper.join();
  EXPECT_EQ(good->join(), "left");
  EXPECT_EQ(announced, 1);
}

TEST_F(CoordinatorWithPools, AQuestionThatFailsInAnUnknownWayDisturbsNobody) {
  std::string arguments, why;
  options_.on_submit = [&](const std::string& text, const std::stop_token&) -> SubmittedSweep {
    arguments = text;
    throw std::runtime_error("the unexpected");
  };
  std::unique_ptr<PretendPool> good;
  std::thread client;
  run([&](const StorePaths& paths) {
    client = std::thread([&, paths] {
      try {
        ask_coordinator(CoordinatorSource::in_store(paths.root), "submit");
      } catch (const Error& error) {
        why = error.what();
      }
      good = pool(paths);
    });
  });
  client.join();
  EXPECT_EQ(arguments, "{}");
  EXPECT_THAT(why, HasSubstr("the unexpected"));
  EXPECT_EQ(good->join(), "left");
}

TEST_F(CoordinatorWithPools, WhatARankIsHandedAtOnceMayBeLargerThanAFrame) {
  const auto spec = std::make_shared<const std::string>(512 << 10, ' ');
  for (Stage& stage : graph_.stages) stage.spec = spec;  // once quick jobs are expected, many of them go out at once
  std::unique_ptr<PretendPool> good;
  EXPECT_EQ(run([&](const StorePaths& paths) { good = pool(paths, {1, -1, 0, ""}); }), Coordinator::Ending::finished);
  EXPECT_EQ(good->join(), "left");
  EXPECT_EQ(done(), kJobs);
}

TEST_F(CoordinatorWithPools, WhileASweepIsTakenInOthersAreAnsweredAndPoolsWork) {
  std::promise<void> begun, others_were_answered;
  std::vector<std::string> order;  // of the one thread that submissions have
  options_.stays = true;
  options_.on_submit = [&](const std::string& text, const std::stop_token&) {
    order.push_back(text);
    if (order.size() == 1) {
      begun.set_value();
      EXPECT_EQ(others_were_answered.get_future().wait_for(std::chrono::seconds(30)), std::future_status::ready);
    }
    SubmittedSweep submitted;
    submitted.sweep.name = text;
    submitted.sweep.graph = noop_graph(1);
    submitted.take_in = [id = SweepId(order.size()) + 1](LoadedSweep sweep) {
      return SweepToRun{id, sweep.name, std::move(sweep.graph), {false}};
    };
    return submitted;
  };
  std::unique_ptr<PretendPool> good;
  std::thread first, second, other;
  run([&](const StorePaths& paths) {
    good = pool(paths);
    first =
        std::thread([paths] { ask_coordinator(CoordinatorSource::in_store(paths.root), "submit", R"({"first": 1})"); });
    other = std::thread([&, paths] {
      begun.get_future().wait();
      second = std::thread(
          [paths] { ask_coordinator(CoordinatorSource::in_store(paths.root), "submit", R"({"second": 1})"); });
      while (done() != kJobs) ask_coordinator(CoordinatorSource::in_store(paths.root), "status");
      EXPECT_EQ(order.size(), 1U);
      others_were_answered.set_value();
      first.join();
      second.join();
      ask_coordinator(CoordinatorSource::in_store(paths.root), "stop");
    });
  });
  other.join();
  EXPECT_EQ(good->join(), "left");
  EXPECT_THAT(order, ElementsAre(R"({"first": 1})", R"({"second": 1})"));
}

TEST_F(CoordinatorWithPools, AStopEndsASubmissionAndWhoeverWaitsForItHearsSo) {
  std::promise<void> begun;
  std::string why, why_second;
  options_.stays = true;
  options_.on_submit = [&](const std::string&, const std::stop_token& stop) -> SubmittedSweep {
    if (!stop.stop_requested()) begun.set_value();
    while (!stop.stop_requested()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    throw Error(ErrorKind::unavailable, "it stops");
  };
  const auto submit = [](const StorePaths& paths, std::string& refusal) {
    try {
      ask_coordinator(CoordinatorSource::in_store(paths.root), "submit");
    } catch (const Error& error) {
      refusal = error.what();
    }
  };
  std::thread first, second, stopper;
  const auto ending = run([&](const StorePaths& paths) {
    first = std::thread([&, paths] { submit(paths, why); });
    stopper = std::thread([&, paths] {
      begun.get_future().wait();
      second = std::thread([&, paths] { submit(paths, why_second); });
      while (json::parse(ask_coordinator(CoordinatorSource::in_store(paths.root), "status")).at("submissions") != 2) {
      }
      ask_coordinator(CoordinatorSource::in_store(paths.root), "stop");
    });
  });
  stopper.join();
  first.join();
  second.join();
  EXPECT_EQ(ending, Coordinator::Ending::interrupted);
  EXPECT_THAT(why, HasSubstr("it stops"));
  EXPECT_THAT(why_second, HasSubstr("it stops"));
}

TEST_F(CoordinatorWithPools, ARotationHoldsAtOnceForWhoComesAfterIt) {
  std::unique_ptr<PretendPool> old, fresh;
  std::thread come;
  run([&](const StorePaths& paths) {
    come = std::thread([&, before = wait_for_coordinator(paths)] {
      rotate_credentials(paths);
      old = std::make_unique<PretendPool>(before, PretendPool::Options());
      old->join();
      EXPECT_NE(wait_for_coordinator(paths).certificate, before.certificate);
      fresh = pool(paths);
    });
  });
  come.join();
  EXPECT_THAT(old->join(), HasSubstr("shows another certificate"));
  EXPECT_EQ(fresh->join(), "left");
}

TEST_F(CoordinatorWithPools, AClockThatIsAnHourOffIsSaidAndDisturbsNothing) {
  std::unique_ptr<PretendPool> late;
  PretendPoolOptions options;
  options.clock_ahead = -3600;
  run([&](const StorePaths& paths) { late = pool(paths, options); });
  EXPECT_EQ(late->join(), "left");
  EXPECT_EQ(done(), kJobs);
  EXPECT_NE(out_.str().find("the clock of pretend is 1 h 00 min behind this machine's"), std::string::npos)
      << out_.str();
}

TEST_F(CoordinatorWithPools, ItSaysANameThatOthersCanReach) {
  Store store(folder_);
  Core core({store.generation()});
  ProgressLine progress(out_, false);
  const auto announced = [&](const std::string& host) {
    CoordinatorOptions options;
    options.host = host;
    const Coordinator coordinator(store, core, options, progress);
    return read_connection_file(store.paths().connection());
  };
  EXPECT_EQ(announced("0.0.0.0").host, host_name());
  EXPECT_EQ(announced("127.0.0.2").host, "127.0.0.2");
}

/// Its commits fail until `block` is removed, which lies where SQLite would have its journal: without a write-ahead log
/// each commit opens that.
class CoordinatorWithoutAJournal : public CoordinatorWithPools {
 protected:
  void expect_patience(const std::function<void(const std::filesystem::path&)>& block, const std::string& expected) {
    store_options_.allow_network_filesystem = true;
    store_options_.network_filesystem_of = [](const auto&) { return std::string("NFS"); };
    std::unique_ptr<PretendPool> good;
    std::thread mender;
    std::string why;
    EXPECT_EQ(run([&](const StorePaths& paths) {
                const std::filesystem::path journal = paths.database().string() + "-journal";
                std::filesystem::remove(journal);
                block(journal);
                good = pool(paths);
                mender = std::thread([&why, paths, journal] {
                  try {
                    while (why.empty()) {
                      const auto source = CoordinatorSource::in_store(paths.root);
                      why = json::parse(ask_coordinator(source, "status")).at("paused").get<std::string>();
                    }
                  } catch (const Error& error) {
                    why = error.what();  // it ended
                  }
                  std::filesystem::remove(journal);
                });
              }),
              Coordinator::Ending::finished);
    mender.join();
    EXPECT_THAT(why, HasSubstr(expected));
    EXPECT_EQ(good->join(), "left");
    EXPECT_EQ(done(), kJobs);
  }
};

TEST_F(CoordinatorWithoutAJournal, WaitsForADiskThatReportsErrors) {
  expect_patience([](const auto& journal) { std::filesystem::create_directory(journal); }, "disk I/O error");
}

TEST_F(CoordinatorWithoutAJournal, WaitsForADatabaseThatCannotBeWritten) {
  expect_patience([](const auto& journal) { std::filesystem::create_symlink("/nonexistent/file", journal); },
                  "unable to open database file");
}

/// As a rule of the schema that some outcomes break.
void refuse_outcomes(const StorePaths& paths, const std::vector<StageKey>& keys) {
  SQLite::Database database(paths.database().string(), SQLite::OPEN_READWRITE, 10000);
  std::string list;
  for (const StageKey& key : keys) list += (list.empty() ? "'" : ", '") + to_hex(key) + "'";
  database.exec("CREATE TRIGGER refuses BEFORE UPDATE ON stages WHEN NEW.state = 'done' AND NEW.key IN (" + list +
                ") BEGIN SELECT RAISE(ABORT, 'no such luck'); END");
}

TEST_F(CoordinatorWithPools, AnOutcomeThatTheDatabaseRefusesFailsItsStageAndCostsNobodyElse) {
  const std::vector<StageKey> bad{graph_.stages[7].key, graph_.stages[200].key, graph_.stages.back().key};
  std::unique_ptr<PretendPool> good;
  EXPECT_EQ(run([&](const StorePaths& paths) {
              refuse_outcomes(paths, bad);
              good = pool(paths);
            }),
            Coordinator::Ending::finished);
  EXPECT_EQ(good->join(), "left");
  EXPECT_EQ(done(), kJobs - 3);
  const StorePaths paths{folder_};
  EXPECT_EQ(ask(paths, "SELECT count(*) FROM stages WHERE state = 'failed' AND failure_message LIKE '%no such luck%'"),
            "3");
  EXPECT_EQ(ask(paths, "SELECT count(*) FROM failures WHERE quarantined AND message LIKE '%no such luck%'"), "3");
  EXPECT_EQ(ask(paths, "SELECT count(*) FROM stages WHERE state = 'waiting'"), "0");
  EXPECT_THAT(out_.str(), HasSubstr("cannot be in the database"));
}

TEST_F(CoordinatorWithPools, AnEnvironmentIsReadAsTheDatabaseReadsIt) {
  std::unique_ptr<PretendPool> odd;
  PretendPoolOptions options;
  options.environment = "\xEF\xBB\xBF{\"host\": \"odd\"}";  // a mark that SQLite does not take for JSON
  run([&](const StorePaths& paths) { odd = pool(paths, options); });
  EXPECT_EQ(odd->join(), "left");
  EXPECT_EQ(done(), kJobs);
}

/// Connects, says what no coordinator listens to, and waits until that is answered by the end of the connection.
void connect_unproven(const StorePaths& paths) {
  boost::asio::io_context io;
  boost::asio::ip::tcp::socket garbage(io);
  garbage.connect({boost::asio::ip::make_address("127.0.0.1"),
                   static_cast<std::uint16_t>(read_connection_file(paths.connection()).port)});
  boost::asio::write(garbage, boost::asio::buffer(std::string("GET / HTTP/1.1\r\n\r\n")));
  boost::system::error_code end;
  std::array<char, 256> heard{};
  while (!end) garbage.read_some(boost::asio::buffer(heard), end);
}

/// The lines that are logged while this lives.
class LoggedLines {
 public:
  LoggedLines() : before_(spdlog::default_logger()) {
    spdlog::set_default_logger(
        std::make_shared<spdlog::logger>("test", std::make_shared<spdlog::sinks::ostream_sink_mt>(text_)));
  }
  ~LoggedLines() { spdlog::set_default_logger(before_); }
  std::size_t count(const std::string& part) const {
    std::istringstream lines(text_.str());
    std::size_t found = 0;
    for (std::string line; std::getline(lines, line);) found += line.find(part) != std::string::npos ? 1 : 0;
    return found;
  }

 private:
  std::ostringstream text_;
  std::shared_ptr<spdlog::logger> before_;
};

void CoordinatorWithPools::meet_unproven_peers(std::chrono::seconds before_the_pool) {
  std::unique_ptr<PretendPool> good;
  std::thread peers;
  run([&](const StorePaths& paths) {
    peers = std::thread([&, paths] {
      for (int peer = 0; peer < 30; ++peer) connect_unproven(paths);
      std::this_thread::sleep_for(before_the_pool);
      good = pool(paths);
    });
  });
  peers.join();
  EXPECT_EQ(good->join(), "left");
}

class LongCoordinatorWithPools : public CoordinatorWithPools {};

TEST_F(CoordinatorWithPools, ManyStrangersAreOneLineOfTheLog) {
  const LoggedLines log;
  meet_unproven_peers(std::chrono::seconds(0));
  EXPECT_EQ(log.count("127.0.0.1:"), 1U);
}

TEST_F(LongCoordinatorWithPools, StrangersAreSummedUpOnceAMinute) {
  const LoggedLines log;
  meet_unproven_peers(std::chrono::seconds(62));
  EXPECT_EQ(log.count("29 more unauthenticated connections in the last minute"), 1U);
  EXPECT_EQ(log.count("127.0.0.1:"), 2U);
}

TEST_F(CoordinatorWithPools, AJobAsLargeAsAnyMayBeArrives) {
  const auto spec = std::make_shared<const std::string>(kLargestSpecBytes, ' ');
  graph_ = {};
  for (const std::string seed : {"1", "2", "3", "4"}) {
    for (const StageKind kind : {StageKind::init, StageKind::train, StageKind::evaluate}) {
      Stage stage;
      stage.key.digest = sha256(seed + std::string(to_string(kind)));
      stage.kind = kind;
      stage.spec = spec;
      if (kind != StageKind::init)
        stage.inputs.push_back({InputRole::weights, static_cast<StageIndex>(graph_.stages.size() - 1)});
      graph_.stages.push_back(std::move(stage));
    }
  }
  std::unique_ptr<PretendPool> good;
  EXPECT_EQ(run([&](const StorePaths& paths) { good = pool(paths, {1, -1, 0, ""}); }), Coordinator::Ending::finished);
  EXPECT_EQ(good->join(), "left");
  EXPECT_EQ(done(), 12);
}

TEST_F(CoordinatorWithPools, AnothersConnectionFileStays) {
  std::unique_ptr<PretendPool> good;
  run([&](const StorePaths& paths) {
    ConnectionFile anothers = read_connection_file(paths.connection());
    anothers.pid = 1;
    write_connection_file(paths.connection(), anothers);
    good = pool(paths);
  });
  EXPECT_EQ(read_connection_file(StorePaths{folder_}.connection()).pid, 1);
}

/// Sends a file of its only job's stage, says that the stage left another one, and then the truth. Whether the stage
/// was recorded before that.
boost::asio::awaitable<void> describe_another_file(CoordinatorAddress where, std::function<bool()> is_done,
                                                   bool* was_believed) {
  const ConnectionPtr connection = co_await connect_to_coordinator(where);
  boost::asio::co_spawn(connection->executor(), connection->keep_alive(), [](std::exception_ptr) {});
  connection->send(PoolDescription{"liar", "node", 1, 1, kNumericsEpoch, std::string(16, 'l')});
  std::uint64_t sequence = 0;
  const auto say = [&](RankReport report) {
    connection->send(FromRank{0, encode(std::vector<RankReport>{std::move(report)}), ++sequence});
  };
  say(RankReady{"{}", "node", {}});
  const std::string bytes = "what lies there";
  StageOutcome outcome;
  while (true) {
    const Message message = co_await connection->receive();
    if (std::holds_alternative<Leave>(message)) break;
    if (const ToRank* to = std::get_if<ToRank>(&message)) {
      for (const RankCommand& command : decode_commands(to->commands)) {
        const Job& job = std::get<RunJob>(command).job;
        outcome.key = job.stages.front().key;
        outcome.attempt = job.attempt;
      }
      connection->send(
          OfferFile{0, file_of_stage(FileKind::artifact, outcome.key), outcome.key, bytes.size(), sha256(bytes)});
    } else if (const FetchFile* fetch = std::get_if<FetchFile>(&message)) {
      connection->send(FilePiece{0, fetch->file, 0, bytes.size(), sha256(bytes), bytes});
    } else if (const FileStored* stored = std::get_if<FileStored>(&message)) {
      EXPECT_EQ(stored->why, "");
      outcome.artifact_bytes = static_cast<std::int64_t>(bytes.size());
      outcome.artifact_sha256 = to_hex(sha256("what does not"));
      say(StageReached{outcome});
    } else if (const Recorded* recorded = std::get_if<Recorded>(&message)) {
      if (recorded->sequence != 2) continue;
      *was_believed = is_done();
      outcome.artifact_sha256 = to_hex(sha256(bytes));
      say(StageReached{outcome});
      say(JobEnded{outcome.attempt, false, true, true, LossCause::drained});
    }
  }
  connection->send(Leaving{LossCause::drained});
  connection->close_after_sending();
}

TEST_F(CoordinatorWithPools, AnOutcomeDescribesTheFileThatItsPoolSent) {
  graph_ = noop_graph(1);
  bool was_believed = true;
  std::thread liar;
  run([&](const StorePaths& paths) {
    liar = std::thread([&, where = wait_for_coordinator(paths)] {
      boost::asio::io_context io;
      boost::asio::co_spawn(io,
                            describe_another_file(
                                where, [&] { return done() > 0; }, &was_believed),
                            [](std::exception_ptr error) { EXPECT_EQ(error, nullptr); });
      io.run();
    });
  });
  liar.join();
  EXPECT_FALSE(was_believed);
  EXPECT_EQ(done(), 1);
}

TEST_F(CoordinatorWithPools, ItsConnectionFileGoesWithIt) {
  std::unique_ptr<PretendPool> good;
  run([&](const StorePaths& paths) {
    EXPECT_TRUE(std::filesystem::exists(paths.connection()));
    good = pool(paths);
  });
  EXPECT_FALSE(std::filesystem::exists(StorePaths{folder_}.connection()));
}

}  // namespace
}  // namespace espalier
