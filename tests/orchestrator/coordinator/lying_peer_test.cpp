// A peer that has a key and lies, against a coordinator at work: an honest pool holds every job meanwhile, and in the
// end its outcomes, and nobody else's, are what the database has.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <functional>
#include <future>
#include <limits>
#include <sstream>
#include <thread>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <gmock/gmock.h>

#include "base/clock.h"
#include "base/error.h"
#include "cluster/auth/authentication.h"
#include "cluster/connection/connect.h"
#include "db/read/store_reader.h"
#include "orchestrator/coordinator/coordinator.h"
#include "tests/orchestrator/coordinator/pretend_pool.h"
#include "tests/orchestrator/noop_graph.h"

namespace espalier {
namespace {

namespace asio = boost::asio;

constexpr int kVictimJobs = 4;
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr std::int64_t kHuge = std::numeric_limits<std::int64_t>::max();

PoolDescription described(const std::string& label) {
  PoolDescription description{label, "node", 7, 1, kNumericsEpoch, std::string(16, 'l')};
  description.clock = utc_seconds();
  return description;
}

/// A valid pool of one rank per job, which answers on demand.
class Victim {
 public:
  explicit Victim(const CoordinatorAddress& where)
      : thread_([this, where] {
          asio::io_context io;
          asio::co_spawn(io, work(this, where), [this](std::exception_ptr error) { broke_ = error != nullptr; });
          io.run();
        }) {}
  ~Victim() {
    answer();
    thread_.join();
  }
  std::vector<Job> jobs() { return jobs_.get_future().get(); }
  void answer() { may_answer_ = true; }
  bool broke() const { return broke_; }

 private:
  static asio::awaitable<std::vector<std::pair<int, Job>>> take_jobs(ConnectionPtr connection) {
    PoolDescription description = described("victim");
    description.ranks = kVictimJobs;
    description.identity = std::string(16, 'v');
    connection->send(description);
    std::uint64_t sequence = 0;
    for (int rank = 0; rank < kVictimJobs; ++rank)
      connection->send(FromRank{rank, encode(std::vector<RankReport>{RankReady{"{}", "node", {}}}), ++sequence});
    std::vector<std::pair<int, Job>> held;
    while (held.size() < kVictimJobs) {
      const Message message = co_await connection->receive();
      const ToRank* to = std::get_if<ToRank>(&message);
      if (to == nullptr) continue;
      for (const RankCommand& command : decode_commands(to->commands))
        if (const RunJob* run = std::get_if<RunJob>(&command)) held.emplace_back(to->rank, run->job);
    }
    co_return held;
  }
  static asio::awaitable<void> be_dismissed(ConnectionPtr connection) {
    Message message;
    while (!std::holds_alternative<Leave>(message)) message = co_await connection->receive();
    connection->send(Leaving{LossCause::drained});
    connection->close_after_sending();
  }
  static asio::awaitable<void> work(Victim* victim, CoordinatorAddress where) {
    const ConnectionPtr connection = co_await connect_to_coordinator(where);
    asio::co_spawn(connection->executor(), connection->keep_alive(), [](std::exception_ptr) {});
    std::vector<std::pair<int, Job>> held = co_await take_jobs(connection);
    std::vector<Job> jobs;
    for (const auto& [rank, job] : held) jobs.push_back(job);
    victim->jobs_.set_value(jobs);
    asio::steady_timer timer(connection->executor());
    while (!victim->may_answer_) {
      timer.expires_after(std::chrono::milliseconds(5));
      co_await timer.async_wait(asio::use_awaitable);
    }
    std::uint64_t sequence = kVictimJobs;
    for (const auto& [rank, job] : held) {
      StageOutcome outcome;
      outcome.key = job.stages.front().key;
      outcome.attempt = job.attempt;
      outcome.wall_s = 0.5;
      const std::vector<RankReport> said{StageReached{outcome}, JobEnded{job.attempt, false, true, true, {}}};
      connection->send(FromRank{rank, encode(said), ++sequence});
    }
    co_await be_dismissed(connection);
  }

  std::promise<std::vector<Job>> jobs_;
  std::atomic<bool> may_answer_ = false, broke_ = false;
  std::thread thread_;
};

/// Says these, then asks for a file that there is not: whatever was said is heard before that is answered, or the
/// connection is closed.
asio::awaitable<void> say(CoordinatorAddress where, std::vector<Message> messages) {
  const ConnectionPtr connection = co_await connect_to_coordinator(where);
  for (const Message& message : messages) connection->send(message);
  FetchFile last;
  last.file = {FileKind::artifact, std::string(64, '0')};
  connection->send(last);
  const bool asks = std::holds_alternative<Ask>(messages.front());
  while (true) {
    const Message heard = co_await connection->receive();
    if (asks ? std::holds_alternative<Answer>(heard) : std::holds_alternative<FileMissing>(heard)) break;
  }
  connection->close();
}

/// "": all its messages were handled. Else how the connection ended.
std::string tell(const CoordinatorAddress& where, const std::vector<Message>& messages) {
  asio::io_context io;
  std::string end;
  asio::co_spawn(io, say(where, messages), [&end](std::exception_ptr error) {
    try {
      if (error) std::rethrow_exception(error);
    } catch (const Error& e) {
      end = e.what();
    }
  });
  io.run_for(std::chrono::seconds(20));
  return end;
}

struct Lie {
  std::string name;
  std::vector<Message> said;  ///< after the key's proof
  Role role = Role::pool;
};

/// Of a pool that described itself: one list of reports of its only rank.
Lie of_rank(const std::string& name, std::vector<RankReport> reports) {
  return {name, {described("liar"), FromRank{0, encode(reports), 1}}};
}

Lie of_outcome(const std::string& name, StageOutcome outcome, const std::function<void(StageOutcome&)>& change) {
  change(outcome);
  return of_rank(name, {StageReached{std::move(outcome)}});
}

std::vector<Lie> lies_in_outcomes(const StageKey& key, std::uint64_t attempt) {
  StageOutcome honest;
  honest.key = key;
  honest.attempt = attempt;
  std::vector<Lie> lies;
  const auto add = [&](const std::string& name, const std::function<void(StageOutcome&)>& change) {
    lies.push_back(of_outcome(name, honest, change));
  };
  add("another's outcome", [](StageOutcome&) {});
  add("another's with an evaluation", [](StageOutcome& o) { o.evaluation = Evaluation::of_classes(0.987, 0.01, {}); });
  for (const std::uint64_t number : {std::uint64_t{0}, std::uint64_t{123456789}, attempt + 1000, ~std::uint64_t{0}})
    add("attempt " + std::to_string(number), [&](StageOutcome& o) { o.attempt = number; });
  for (const LossCause cause : {LossCause::error, LossCause::oom_host, LossCause::disk_full, LossCause::signal,
                                LossCause::preempted, LossCause::damaged_input}) {
    add("another's failure: " + std::string(to_string(cause)), [&](StageOutcome& o) {
      o.failure = Failure{ErrorKind::exhausted, "no", cause, {key}};
    });
  }
  add("an unknown stage", [](StageOutcome& o) { o.key = StageKey{sha256("nothing")}; });
  for (const double bad : {kNan, kInfinity, -1.0, 1e300}) add("seconds", [bad](StageOutcome& o) { o.wall_s = bad; });
  for (const std::int64_t bad : {std::int64_t{-1}, kHuge, -kHuge}) {
    add("first step", [bad](StageOutcome& o) { o.first_step = bad; });
    add("steps", [bad](StageOutcome& o) { o.steps = bad; });
    add("bytes", [bad](StageOutcome& o) { o.artifact_bytes = bad; });
    add("a metric's step", [bad](StageOutcome& o) { o.metrics = {{bad, "lr", 1}}; });
    add("a layer's total", [bad](StageOutcome& o) { o.layers = {{"fc", bad, 1, 1, 1, 1}}; });
    add("a layer's kept", [bad](StageOutcome& o) { o.layers = {{"fc", 1, 1, bad, 1, 1}}; });
    add("dead units", [bad](StageOutcome& o) { o.connectivity = Connectivity{true, bad, 1}; });
    add("a curve's units", [bad](StageOutcome& o) { o.sensitivity = {{"fc", 0.5, bad, 1, 1}}; });
    add("a curve's kept", [bad](StageOutcome& o) { o.sensitivity = {{"fc", 0.5, 1, bad, 1}}; });
  }
  for (const double bad : {kNan, kInfinity, -0.5, 1.5}) {
    add("a curve's sparsity", [bad](StageOutcome& o) { o.sensitivity = {{"fc", bad, 1, 1, 1}}; });
    add("an accuracy", [bad](StageOutcome& o) { o.evaluation = Evaluation::of_classes(bad, 1, {}); });
  }
  add("a class's accuracy", [](StageOutcome& o) { o.evaluation = Evaluation::of_classes(0.5, 1, {2.0}); });
  for (const char* bad : {"abc", "../../etc/passwd", "'); DROP TABLE stages; --"})
    add("a hash", [&](StageOutcome& o) { o.artifact_sha256 = bad; });
  for (const std::string& bad : {std::string(), std::string("a\nb"), std::string("\x1b[31m"), std::string(5000, 'x')}) {
    add("a metric's name", [&](StageOutcome& o) { o.metrics = {{1, bad, 1}}; });
    add("a layer's name", [&](StageOutcome& o) { o.layers = {{bad, 1, 1, 1, 1, 1}}; });
    add("a scope's name", [&](StageOutcome& o) { o.sensitivity = {{bad, 0.5, 1, 1, 1}}; });
  }
  return lies;
}

std::vector<Lie> lies_in_reports(std::uint64_t attempt, const StageKey& key) {
  std::vector<Lie> lies;
  for (const LossCause cause : {LossCause::drained, LossCause::preempted, LossCause::time_limit, LossCause::signal}) {
    lies.push_back(of_rank("the end of another's job", {JobEnded{attempt, true, true, true, cause}}));
    lies.push_back(of_rank("that it never began", {JobEnded{attempt, true, false, false, cause}}));
  }
  lies.push_back(of_rank("that another's job is done", {JobEnded{attempt, false, true, true, {}}}));
  lies.push_back(of_rank("another's progress", {JobProgress{attempt, key, 9, 10, 0.1}}));
  lies.push_back(of_rank("endless progress", {JobProgress{attempt, key, -5, kHuge, kNan}}));
  // A rank that held nothing would be handed what the victim has not, so it holds the victim's.
  lies.push_back(
      {"that it holds another's",
       {described("liar"), FromRank{5, encode(std::vector<RankReport>{RankReady{"{}", "node", {attempt}}}), 1}}});
  for (const std::string& bad : {std::string(), std::string("a\nb"), std::string("\x1b]0;t\x07")})
    lies.push_back(of_rank("a host", {RankReady{"{}", bad, {}}}));
  for (const double bad : {kNan, -1.0, kInfinity})
    lies.push_back(of_rank("memory", {RankReady{"{}", "node", {}, "", bad, 1}}));
  lies.push_back(of_rank("a GPU", {RankReady{"{}", "node", {}, "\x1b[2J", 1, 1}}));
  lies.push_back(of_rank("an environment", {RankReady{"no JSON", "node", {}}}));
  lies.push_back(of_rank("a long environment", {RankReady{"\"" + std::string(70000, 'x') + "\"", "node", {}}}));
  return lies;
}

std::vector<Lie> lies_about_files(const StageKey& key) {
  std::vector<Lie> lies;
  for (const FileKind kind : {FileKind::artifact, FileKind::resume, FileKind::checkpoint}) {
    OfferFile offer;
    offer.file = {kind, to_hex(key)};
    offer.stage = key;
    offer.total = 5;
    offer.sha256 = sha256("wrong");
    lies.push_back({"a file of another's stage", {described("liar"), offer}});
    FilePiece piece;
    piece.file = offer.file;
    piece.total = 5;
    piece.sha256 = offer.sha256;
    piece.bytes = "wrong";
    lies.push_back({"a piece that nobody asked for", {described("liar"), offer, piece}});
    FileMissing missing;
    missing.file = offer.file;
    missing.why = "\x1b[31mforged";
    lies.push_back({"that a file is missing", {described("liar"), missing}});
  }
  OfferFile other;
  other.file = {FileKind::artifact, to_hex(key)};
  other.stage = StageKey{sha256("nothing")};
  lies.push_back({"a file of no stage", {described("liar"), other}});
  return lies;
}

std::vector<Lie> lies_about_oneself() {
  std::vector<Lie> lies;
  const auto add = [&](const std::string& name, const std::function<void(PoolDescription&)>& change) {
    PoolDescription description = described("liar");
    change(description);
    lies.push_back({name, {description}});
  };
  for (const std::string& bad : {std::string(), std::string("a\nb"), std::string("\x1b[31m"), std::string("../x"),
                                 std::string("a b"), std::string(300, 'a')}) {
    add("a label", [&](PoolDescription& d) { d.label = bad; });
    add("a host", [&](PoolDescription& d) { d.host = bad; });
    add("a word", [&](PoolDescription& d) { d.labels = {bad}; });
  }
  for (const int bad : {0, 100'001, 2'000'000'000}) add("ranks", [&](PoolDescription& d) { d.ranks = bad; });
  for (const std::size_t bad : {0U, 3U, 300U})
    add("an identity", [&](PoolDescription& d) { d.identity = std::string(bad, 'i'); });
  for (const double bad : {kNan, kInfinity, -1.0}) add("a clock", [&](PoolDescription& d) { d.clock = bad; });
  add("a time limit", [](PoolDescription& d) { d.seconds_left = -1; });
  add("an epoch", [](PoolDescription& d) { d.numerics_epoch = kNumericsEpoch + 1; });
  add("many words", [](PoolDescription& d) { d.labels.assign(101, "a"); });
  return lies;
}

std::vector<Lie> lies_about_the_role() {
  std::vector<Lie> lies;
  for (const Message& message :
       {Message(Challenge{}), Message(Hello{}), Message(Welcome{}), Message(Refused{"no"}), Message(ToRank{0, ""}),
        Message(Leave{}), Message(Recorded{5}), Message(Ask{"stop", ""}), Message(Answer{true, "{}"}),
        Message(StoreHere{"x"}), Message(FileStored{}), Message(FromRank{0, encode(std::vector<RankReport>{}), 0}),
        Message(FromRank{0, "\xff\xff", 1})}) {
    lies.push_back({"what a pool does not say", {described("liar"), message}});
  }
  for (const char* question : {"submit", "cancel", "pause", "resume", "priority", "drain", "stop", "drop_pools", "x"}) {
    lies.push_back({"a reader who would change something", {Ask{question, R"({"sweep": "noop"})"}}, Role::reader});
    lies.push_back({"a pool that asks", {Ask{question, "{}"}}});
  }
  return lies;
}

TEST(LyingPeer, ChangesNothingInAHundredKindsOfLies) {
  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("espalier_lying_peer_" + std::to_string(::getpid()));
  std::filesystem::remove_all(folder);
  const StageGraph graph = noop_graph(kVictimJobs);
  std::ostringstream out;
  std::vector<std::uint64_t> attempts;
  {
    Store store(folder);
    const SweepId id = store.record_sweep("noop", "", {}, graph);
    Core core({store.generation()});
    core.add_sweep({id, "noop", graph, store.done_stages(graph)}, 0);
    ProgressLine progress(out, false);
    CoordinatorOptions options;
    options.return_limit = std::chrono::milliseconds(100);
    Coordinator coordinator(store, core, options, progress);
    std::thread liar([&, paths = store.paths()] {
      const CoordinatorAddress where = wait_for_coordinator(paths);
      const std::string secret = load_secret(paths.secret());
      Victim victim(where);
      const std::vector<Job> jobs = victim.jobs();
      for (const Job& job : jobs) attempts.push_back(job.attempt);
      const StageKey key = jobs.front().stages.front().key;
      std::vector<Lie> lies = lies_in_outcomes(key, attempts.front());
      for (auto more :
           {lies_in_reports(attempts.front(), key), lies_about_files(key), lies_about_oneself(), lies_about_the_role()})
        lies.insert(lies.end(), more.begin(), more.end());
      EXPECT_GE(lies.size(), 100U);
      for (const Lie& lie : lies) {
        CoordinatorAddress as = where;
        as.role = lie.role;
        as.key = key_of(secret, lie.role);
        tell(as, lie.said);
        EXPECT_FALSE(victim.broke()) << lie.name;
      }
      for (const Role role : {Role::pool, Role::reader}) {  // the key of one role in another
        CoordinatorAddress as = where;
        as.role = Role::client;
        as.key = key_of(secret, role);
        EXPECT_THAT(tell(as, {Ask{"stop", ""}}), testing::HasSubstr("refused"));
      }
      victim.answer();
    });
    EXPECT_EQ(coordinator.run(), Coordinator::Ending::finished);
    liar.join();
  }
  const StoreReader reader(folder);
  for (const Stage& stage : graph.stages) {
    const auto row = reader.stage(to_hex(stage.key));
    ASSERT_EQ(row.attempts.size(), 1U);
    EXPECT_EQ(row.attempts.front().how, "finished");
    EXPECT_NE(std::ranges::find(attempts, row.attempts.front().number), attempts.end());
  }
  EXPECT_EQ(out.str().find('\x1b'), std::string::npos) << "an escape sequence reached the terminal";
  EXPECT_THAT(out.str(), testing::Not(testing::HasSubstr("failed:"))) << out.str();
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace espalier
