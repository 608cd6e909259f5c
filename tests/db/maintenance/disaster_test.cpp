#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <functional>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <SQLiteCpp/SQLiteCpp.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "db/maintenance/store_backup.h"
#include "db/migrations/migrations.h"
#include "db/read/store_reader.h"
#include "db/sqlite/sqlite_errors.h"
#include "db/write/store.h"
#include "tests/db/sample_sweep.h"
#include "tests/needs.h"

namespace espalier {
namespace {

using testing::AllOf;
using testing::HasSubstr;

Error error_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const Error& error) {
    return error;
  }
  return {ErrorKind::internal, "no error"};
}

/// Runs `work` in a process of its own; its exit status. A signal counts as -1.
int in_child(const std::function<int()>& work) {
  const pid_t child = ::fork();
  if (child == 0) {
    try {
      ::_exit(work());
    } catch (const std::exception& error) {
      std::fprintf(stderr, "in the child: %s\n", error.what());
      ::_exit(1);
    }
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

struct Disaster : testing::Test {
  TemporaryFolder folder;
  std::filesystem::path root = folder.path / "store";
  StorePaths paths{root};
  SampleSweep sample = make_sample_sweep(1);

  SweepId record(Store& store) const {
    return store.record_sweep(sample.name, sample.yaml, sample.trials, sample.graph);
  }
};

TEST_F(Disaster, KilledAfterApply_ReopeningHasAllOfIt) {
  ASSERT_EQ(in_child([&] {
              Store store(root);
              record(store);
              store.apply({finish(sample.graph.stages[init])});
              ::_exit(0);  // no destructor, no checkpoint
              return 0;
            }),
            0);
  Store store(root);
  EXPECT_TRUE(store.done_stages(sample.graph)[init]);
  EXPECT_EQ(store.generation(), 2U);
}

TEST_F(Disaster, KilledInTheMiddleOfATransaction_ReopeningHasNoneOfIt) {
  {
    Store store(root);
    record(store);
  }
  ASSERT_EQ(
      in_child([&] {
        SQLite::Database database(paths.database().string(), SQLite::OPEN_READWRITE);
        database.exec(
            "PRAGMA cache_size = 1; BEGIN IMMEDIATE; UPDATE stages SET state = 'done', label = hex(randomblob(9999))");
        ::_exit(0);
        return 0;
      }),
      0);
  Store store(root);
  for (const bool done : store.done_stages(sample.graph)) EXPECT_FALSE(done);
}

TEST_F(Disaster, PoolWasLost_WhatRanAndWhatWaitedThereMayComeBack) {
  const StageKey stage = sample.graph.stages[init].key;
  Store store(root);
  record(store);
  std::vector<StoreChange> changes;
  for (const std::uint64_t number : {7, 8, 9})
    changes.emplace_back(AttemptStarted{number, "local-1", 0, 0, {stage}, 1.0, "owner"});
  changes.emplace_back(AttemptEnded{7, "lost", "", 2.0, LossCause::node_lost});
  changes.emplace_back(AttemptEnded{8, "returned", "", 2.0, LossCause::node_lost});
  changes.emplace_back(AttemptEnded{9, "returned", "", 2.0, LossCause::drained});  // it was asked back
  store.apply(changes);
  const std::vector<OpenAttempt> lost = store.lost_attempts(10);
  EXPECT_EQ(lost.size(), 2U);
  for (const OpenAttempt& one : lost) EXPECT_NE(one.attempt, 9U);
}

TEST_F(Disaster, CoordinatorDiedWithAttemptsRunning_TheNextOneLearnsOfThem) {
  const StageKey first = sample.graph.stages[init].key, second = sample.graph.stages[early].key;
  {
    Store store(root);
    record(store);
    store.apply({AttemptStarted{7, "local-1", 3, 0, {second, first}, 1.0},
                 AttemptStarted{8, "local-1", 0, 0, {first}, 2.0}, AttemptEnded{8, "finished", "", 3.0}});
  }
  const Store store(root);
  const std::vector<OpenAttempt> open = store.open_attempts();
  ASSERT_EQ(open.size(), 1U);
  EXPECT_EQ(open[0].attempt, 7U);
  EXPECT_EQ(open[0].pool, "local-1");
  EXPECT_EQ(open[0].rank, 3);
  EXPECT_EQ(open[0].stages, (std::vector<StageKey>{second, first}));  // in the order of the job
  EXPECT_EQ(open[0].started_at, 1.0);
  EXPECT_EQ(ask(paths, "SELECT how FROM attempts WHERE number = 7"), "NULL");
}

/// Commits one stage after the other, from number `first` on, and says each that is durable, until it is killed.
void commit_until_killed(Store& store, const StageGraph& graph, std::size_t first, int said) {
  for (std::size_t i = first; i < graph.stages.size(); ++i) {
    store.apply({finish(graph.stages[i])});
    if (::write(said, "x", 1) != 1) return;
  }
}

/// Kills a coordinator after `commits` of its commits or so; how many it had said were durable.
std::size_t kill_while_committing(const std::filesystem::path& root, const StoreOptions& options,
                                  const StageGraph& graph, std::size_t first, std::size_t commits) {
  std::array<int, 2> pipe{};
  if (::pipe(pipe.data()) != 0) return 0;
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(pipe[0]);
    Store store(root, options);
    commit_until_killed(store, graph, first, pipe[1]);
    ::_exit(0);
  }
  ::close(pipe[1]);
  std::size_t said = 0;
  char one = 0;
  while (::read(pipe[0], &one, 1) == 1) {
    if (++said == commits) ::kill(child, SIGKILL);
  }
  ::close(pipe[0]);
  ::waitpid(child, nullptr, 0);
  return said;
}

class KilledCoordinator : public Disaster, public testing::WithParamInterface<bool> {};

TEST_P(KilledCoordinator, LosesNothingItSaidWasDurable) {
  StoreOptions options;
  options.allow_network_filesystem = true;
  if (GetParam()) options.network_filesystem_of = [](const auto&) { return std::string("NFS"); };
  const StageGraph graph = make_noop_graph(400);
  { Store(root, options).record_sweep("noop", "", {}, graph); }
  std::size_t first = 0;
  for (const std::size_t commits : {1, 2, 17, 40, 61}) {
    const std::size_t said = kill_while_committing(root, options, graph, first, commits);
    ASSERT_GE(said, commits);
    Store store(root, options);  // checks the database
    const std::vector<bool> done = store.done_stages(graph);
    const auto count = static_cast<std::size_t>(std::ranges::count(done, true));
    EXPECT_EQ(std::ranges::find(done, false) - done.begin(), static_cast<std::ptrdiff_t>(count));
    EXPECT_GE(count, first + said);
    EXPECT_LE(count, first + said + 1);  // durable, and not said any more
    first = count;
  }
}

INSTANTIATE_TEST_SUITE_P(Journals, KilledCoordinator, testing::Bool(),
                         [](const auto& which) { return which.param ? "rollback" : "write_ahead"; });

TEST_F(Disaster, ASecondCoordinatorIsRefusedWithTheFirstOnesPidAndHost) {
  const Store first(root);
  const Error error = error_of([&] { const Store second(root); });
  EXPECT_EQ(error.kind(), ErrorKind::unavailable);
  EXPECT_THAT(error.what(), AllOf(HasSubstr(root.string() + " is in use by the coordinator with pid " +
                                            std::to_string(::getpid()) + " on "),
                                  HasSubstr("choose another --store")));
}

TEST_F(Disaster, ADatabaseOfANewerVersionIsLeftAlone) {
  { const Store store(root); }
  SQLite::Database(paths.database().string(), SQLite::OPEN_READWRITE).exec("PRAGMA user_version = 99");
  const Error error = error_of([&] { const Store store(root); });
  EXPECT_EQ(error.kind(), ErrorKind::invalid_input);
  EXPECT_THAT(error.what(), AllOf(HasSubstr("version 99"), HasSubstr("up to " + std::to_string(schema_version())),
                                  HasSubstr("update espalier")));
  EXPECT_EQ(ask(paths, "SELECT generation FROM store_info"), "1");
}

TEST_F(Disaster, ADatabaseOfAnotherProgramIsLeftAlone) {
  std::filesystem::create_directories(root);
  SQLite::Database(paths.database().string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE)
      .exec("CREATE TABLE bookmarks (url)");
  const Error error = error_of([&] { const Store store(root); });
  EXPECT_EQ(error.kind(), ErrorKind::invalid_input);
  EXPECT_THAT(error.what(), HasSubstr("another program"));
  EXPECT_EQ(ask(paths, "SELECT group_concat(name) FROM sqlite_master"), "bookmarks");
}

TEST_F(Disaster, AFileThatIsNoDatabaseIsCorrupt) {
  std::filesystem::create_directories(root);
  std::ofstream(paths.database()) << std::string(5000, 'x');
  EXPECT_EQ(error_of([&] { const Store store(root); }).kind(), ErrorKind::corrupt);
}

TEST_F(Disaster, ADamagedPageIsCorrupt) {
  {
    Store store(root);
    record(store);
  }
  std::fstream file(paths.database(), std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(4096);
  const std::string noise(4096 * 20, '\x5a');
  file.write(noise.data(), static_cast<std::streamsize>(noise.size()));
  file.close();
  EXPECT_EQ(error_of([&] { const Store store(root); }).kind(), ErrorKind::corrupt);
}

TEST_F(Disaster, APageTornInTheMiddleIsRefusedWithTheWaysOut) {
  {
    Store store(root);
    record(store);
    store.apply(finish_all(sample.graph));
  }
  const auto middle = static_cast<std::streamoff>(std::filesystem::file_size(paths.database()) / 4096 / 2 * 4096);
  std::fstream file(paths.database(), std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(middle);
  file << std::string(512, '\x5a');  // one sector of another time
  file.close();
  const Error error = error_of([&] { const Store store(root); });
  EXPECT_EQ(error.kind(), ErrorKind::corrupt);
  EXPECT_THAT(error.what(),
              AllOf(HasSubstr(paths.database().string()), HasSubstr("restore a backup"), HasSubstr(".recover")));
}

TEST_F(Disaster, AFolderThatCannotBeMadeIsTheUsersToMend) {
  std::ofstream(folder.path / "file") << "not a folder";
  const Error error = error_of([&] { const Store store(folder.path / "file" / "store"); });
  EXPECT_EQ(error.kind(), ErrorKind::invalid_input);
  EXPECT_THAT(error.what(), HasSubstr("choose another --store"));
  EXPECT_EQ(error_of([&] { const Store store("/proc/espalier-store"); }).kind(), ErrorKind::invalid_input);
}

TEST_F(Disaster, SqliteFullIsExhausted) {
  SQLite::Database database(":memory:", SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
  database.exec("CREATE TABLE t (x); PRAGMA max_page_count = 4");
  const Error error = error_of(
      [&] { with_sqlite_errors("espalier.db", [&] { database.exec("INSERT INTO t VALUES (zeroblob(100000))"); }); });
  EXPECT_EQ(error.kind(), ErrorKind::exhausted);
  EXPECT_THAT(error.what(), AllOf(HasSubstr("espalier.db: "), HasSubstr("free some space")));
}

/// Mounts an empty filesystem of 2 MB on `folder`, seen by this process alone; whether the system lets us.
bool mount_small_filesystem(const std::filesystem::path& folder) {
  const std::string ids = "0 " + std::to_string(::getuid()) + " 1";
  if (::unshare(CLONE_NEWNS) != 0) {  // not root: in a user namespace where we are
    if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return false;
    std::ofstream("/proc/self/uid_map") << ids;
  }
  ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
  return ::mount("tmpfs", folder.c_str(), "tmpfs", 0, "size=2m") == 0;
}

/// Tries to write more than fits, frees nothing, and checks that the store still has all it had, and goes on.
int fill_up(Store& store, const SampleSweep& sample) {
  const StageGraph large = make_noop_graph(20000);
  const Error error = error_of([&] { store.record_sweep("large", "", {}, large); });
  if (error.kind() != ErrorKind::exhausted) return 2;
  if (ask(store.paths(), "SELECT count(*) FROM stages") != std::to_string(kStagesPerSeed)) return 3;
  store.apply({finish(sample.graph.stages[init])});
  return store.done_stages(sample.graph)[init] ? 0 : 4;
}

TEST_F(Disaster, AFullDiskLosesNothing) {
  std::filesystem::create_directories(root);
  const int status = in_child([&] {
    if (!mount_small_filesystem(root)) return 77;
    Store store(root);
    record(store);
    return fill_up(store, sample);
  });
  ESPALIER_NEEDS("mount", status != 77, "a small filesystem cannot be mounted here; run the tests as root");
  EXPECT_EQ(status, 0);
}

TEST_F(Disaster, AFullDiskLosesNothingWithoutALogEither) {
  std::filesystem::create_directories(root);
  const int status = in_child([&] {
    if (!mount_small_filesystem(root)) return 77;
    StoreOptions options;
    options.allow_network_filesystem = true;
    options.network_filesystem_of = [](const auto&) { return std::string("NFS"); };
    Store store(root, options);
    record(store);
    return fill_up(store, sample);
  });
  ESPALIER_NEEDS("mount", status != 77, "a small filesystem cannot be mounted here; run the tests as root");
  EXPECT_EQ(status, 0);
}

TEST_F(Disaster, ABackupThatDoesNotFitIsNotLeftInHalf) {
  {
    Store store(root);
    store.record_sweep("large", "", {}, make_noop_graph(20000));
  }
  const std::filesystem::path small = folder.path / "small";
  std::filesystem::create_directories(small);
  const int status = in_child([&] {
    if (!mount_small_filesystem(small)) return 77;
    const Error error = error_of([&] { back_up_store(root, small / "backup.db", Overwrite::refuse); });
    if (error.kind() != ErrorKind::exhausted) return 2;
    return std::filesystem::is_empty(small) ? 0 : 3;
  });
  ESPALIER_NEEDS("mount", status != 77, "a small filesystem cannot be mounted here; run the tests as root");
  EXPECT_EQ(status, 0);
}

TEST_F(Disaster, AStoreOnAReadOnlyDiskCanStillBeRead) {
  root = folder.path / "50% of it?";
  std::filesystem::create_directories(root);
  const int status = in_child([&] {
    if (!mount_small_filesystem(root)) return 77;
    {
      Store store(root);
      record(store);
      store.apply(finish_all(sample.graph));
    }
    if (::mount(nullptr, root.c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr) != 0) return 77;
    return StoreReader(root).results().size() == 3 ? 0 : 1;
  });
  ESPALIER_NEEDS("mount", status != 77, "a small filesystem cannot be mounted here; run the tests as root");
  EXPECT_EQ(status, 0);
}

TEST_F(Disaster, AFileSizeLimitOrQuotaLosesNothing) {
  EXPECT_EQ(in_child([&] {
              std::signal(SIGXFSZ, SIG_IGN);
              Store store(root);
              record(store);
              const rlimit limit{2 << 20, 2 << 20};
              ::setrlimit(RLIMIT_FSIZE, &limit);
              return fill_up(store, sample);
            }),
            0);
}

TEST_F(Disaster, AnArtifactThatIsGoneOrOfAnotherSizeIsMadeAgain) {
  Store store(root);
  record(store);
  std::vector<StoreChange> changes;
  for (const SampleStage role : {init, early, trained}) {
    const Stage& stage = sample.graph.stages[role];
    StageFinished finished = finish(stage);
    finished.outcome.artifact_sha256 = std::string(64, 'a');
    finished.outcome.artifact_bytes = 4;
    changes.emplace_back(finished);
    std::filesystem::create_directories(paths.artifact(stage.key).parent_path());
    std::ofstream(paths.artifact(stage.key)) << "abcd";
  }
  store.apply(changes);
  const auto done = [&](SampleStage role) { return static_cast<bool>(store.done_stages(sample.graph)[role]); };
  EXPECT_TRUE(done(init) && done(early) && done(trained));

  std::filesystem::remove(paths.artifact(sample.graph.stages[init].key));
  std::ofstream(paths.artifact(sample.graph.stages[early].key)) << "abc";
  EXPECT_FALSE(done(init));
  EXPECT_FALSE(done(early));
  EXPECT_TRUE(done(trained));
  EXPECT_EQ(ask(paths, "SELECT state || ': ' || note FROM stages WHERE label LIKE 'init%'"),
            "waiting: its artifact is missing: No such file or directory");
  EXPECT_EQ(ask(paths, "SELECT note FROM stages WHERE label LIKE 'train to 500%'"),
            "its artifact has 3 bytes, not the 4 recorded");
}

}  // namespace
}  // namespace espalier
