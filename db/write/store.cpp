#include "db/write/store.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <system_error>
#include <unistd.h>
#include <unordered_map>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "base/error.h"
#include "base/file_lock.h"
#include "base/host_name.h"
#include "base/log.h"
#include "db/migrations/migrations.h"
#include "db/read/measured_cost.h"
#include "db/sqlite/column_reader.h"
#include "db/sqlite/prepared.h"
#include "db/sqlite/read_only_database.h"
#include "db/sqlite/refused_change.h"
#include "db/sqlite/sqlite_errors.h"
#include "db/sqlite/value_limits.h"
#include "db/write/cell_recorder.h"
#include "db/write/change_recorder.h"
#include "db/write/failure_forgetting.h"
#include "db/write/overlap_recorder.h"
#include "db/write/submissions.h"
#include "db/write/sweep_recorder.h"

namespace espalier {
namespace {

/// The existing part of the path: a new folder is on the filesystem of its parent.
std::filesystem::path existing_part(const std::filesystem::path& root) {
  std::filesystem::path part = std::filesystem::absolute(root);
  std::error_code ignored;
  while (!std::filesystem::exists(part, ignored) && part.has_relative_path()) part = part.parent_path();
  return part;
}

/// Those whose numbers a query selects, in their order.
std::vector<OpenAttempt> read_attempts(const SQLite::Database& database, const std::string& numbers) {
  std::vector<OpenAttempt> attempts;
  Prepared(database,
           "SELECT a.number, a.pool, a.rank, a.started_at, a.owner, a.gang, s.key FROM attempts a"
           " JOIN attempt_stages x ON x.attempt = a.number JOIN stages s ON s.id = x.stage_id"
           " WHERE a.number IN (" +
               numbers + ") ORDER BY a.number, x.position")
      .each([&](SQLite::Statement& row) {
        OpenAttempt one;
        std::string key;
        std::optional<std::string> gang;
        ColumnReader(row) >> one.attempt >> one.pool >> one.rank >> one.started_at >> one.owner >> gang >> key;
        if (gang) one.gang = nlohmann::json::parse(*gang).get<std::vector<int>>();
        if (attempts.empty() || attempts.back().attempt != one.attempt) attempts.push_back(std::move(one));
        attempts.back().stages.push_back(stage_key_from_hex(key));
      });
  return attempts;
}

/// Whether the store lies on a network filesystem. Refuses before anything is made there.
bool check_place(const std::filesystem::path& root, const StoreOptions& options) {
  if (options.must_exist) check_store_is_there(root);
  const std::string kind = options.network_filesystem_of(existing_part(root));
  if (kind.empty()) return false;
  if (!options.allow_network_filesystem) {
    throw Error(ErrorKind::invalid_input,
                root.string() + ": lies on " + kind +
                    ", a network filesystem, where SQLite's write-ahead log can lose results; choose a --store on a "
                    "local disk, or give --allow-network-filesystem to write there without that log (slower)");
  }
  spdlog::warn("{} lies on {}: it is written with a rollback journal; keep to one machine that writes it",
               root.string(), kind);
  return true;
}

/// A umask that lets a group write must not let it replace the secret: a store is written by its owner.
void create_root(const std::filesystem::path& root) {
  std::error_code error;
  if (!std::filesystem::create_directories(root, error) || error) return;  // create_folders reports it
  using std::filesystem::perms;
  std::filesystem::permissions(root, perms::group_write | perms::others_write, std::filesystem::perm_options::remove,
                               error);
}

StorePaths create_folders(const std::filesystem::path& root) {
  StorePaths paths{root};
  create_root(root);
  for (const auto& folder : {paths.root, paths.artifacts(), paths.checkpoints(), paths.logs()}) {
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    if (error) {
      throw Error(error == std::errc::no_space_on_device ? ErrorKind::exhausted : ErrorKind::invalid_input,
                  folder.string() + ": cannot be created: " + error.message() + "; choose another --store");
    }
  }
  return paths;
}

FileLock take_lock(const StorePaths& paths) {
  try {
    return FileLock(paths.lock(), "pid " + std::to_string(::getpid()) + " on " + host_name());
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::unavailable) throw;
    throw Error(ErrorKind::unavailable, paths.root.string() + " is in use by the coordinator with " + error.what() +
                                            "; wait for it, stop it, or choose another --store");
  }
}

void check_integrity(const SQLite::Database& database, const StorePaths& paths) {
  std::string found;
  Prepared(database, "PRAGMA quick_check(1)").each([&](SQLite::Statement& row) {
    found = row.getColumn(0).getString();
  });
  if (found == "ok") return;
  throw Error(ErrorKind::corrupt, paths.database().string() + ": is damaged (" + found +
                                      "); keep a copy, restore a backup (docs/maintenance.md), rescue it with `sqlite3 "
                                      "espalier.db .recover`, or choose another --store");
}

void set_journal(SQLite::Database& database, const StorePaths& paths, const char* mode) {
  std::string set;
  Prepared(database, std::string("PRAGMA journal_mode = ") + mode).each([&](SQLite::Statement& row) {
    set = row.getColumn(0).getString();
  });
  if (set == mode) return;
  throw Error(ErrorKind::unavailable, paths.database().string() + ": its journal stays in mode " + set +
                                          " while another program has it open; close that, and try again");
}

SQLite::Database open_database(const StorePaths& paths, bool on_network) {
  return with_sqlite_errors(paths.database(), [&] {
    // Store::Impl lets one thread use it at a time: SQLite's own locks would be taken hundreds of times a change.
    SQLite::Database database(paths.database().string(),
                              SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE | SQLite::OPEN_NOMUTEX, 10000);
    limit_values(database);
    // Ends write-ahead logging, if the store was copied here with it, without the shared memory that reading it needs.
    if (on_network) database.exec("PRAGMA locking_mode = EXCLUSIVE");
    check_integrity(database, paths);
    checked_version(database, paths.database());
    set_journal(database, paths, on_network ? "truncate" : "wal");
    if (on_network) database.exec("PRAGMA locking_mode = NORMAL");
    // NORMAL may lose the last commits with the power: state must be durable. EXTRA would add nothing: it syncs the
    // folder after a journal was deleted, and this one is truncated, which FULL syncs.
    database.exec("PRAGMA synchronous = FULL");
    database.exec("PRAGMA foreign_keys = ON");
    database.exec("PRAGMA cache_size = -65536");  // KiB; a sweep of 300,000 stages is written in one transaction
    database.exec("PRAGMA journal_size_limit = 67108864");  // bytes that the log keeps after such a transaction
    migrate(database, paths.database());
    return database;
  });
}

std::uint32_t raise_generation(SQLite::Database& database, const StorePaths& paths, double now) {
  return with_sqlite_errors(paths.database(), [&] {
    SQLite::Transaction transaction(database);
    const auto generation = Prepared(database,
                                     "INSERT INTO store_info (id, generation, created_at) VALUES (1, 1, ?)"
                                     " ON CONFLICT (id) DO UPDATE SET generation = generation + 1 RETURNING generation")
                                .integer(now);
    transaction.commit();
    return static_cast<std::uint32_t>(*generation);
  });
}

}  // namespace

struct Store::Impl {
  Impl(const std::filesystem::path& root, const StoreOptions& options)
      : on_network(check_place(root, options)),
        paths(create_folders(root)),
        lock(take_lock(paths)),
        database(open_database(paths, on_network)),
        generation(raise_generation(database, paths, utc_seconds())),
        changes(database) {}

  /// Runs `work` in one transaction: all of it is durable afterwards, or nothing was changed.
  template <typename Work>
  auto in_transaction(Work&& work) {
    const std::lock_guard held(turn);
    return with_sqlite_errors(paths.database(), [&] {
      SQLite::Transaction transaction(database);
      if constexpr (std::is_void_v<decltype(work())>) {
        work();
        transaction.commit();
      } else {
        auto result = work();
        transaction.commit();
        return result;
      }
    });
  }

  template <typename Work>
  auto read(Work&& work) const {
    const std::lock_guard held(turn);
    return with_sqlite_errors(paths.database(), std::forward<Work>(work));
  }

  void record(const StoreChange& change) {
    std::visit([&](const auto& what) { changes.record(what); }, change);
  }

  /// Why the artifact cannot be used; "" if it exists with the recorded size.
  std::string artifact_fault(const StageKey& key, std::int64_t bytes) const {
    std::error_code error;
    const auto found = std::filesystem::file_size(paths.artifact(key), error);
    if (error) return "its artifact is missing: " + error.message();
    if (std::cmp_equal(found, bytes)) return "";
    return "its artifact has " + std::to_string(found) + " bytes, not the " + std::to_string(bytes) + " recorded";
  }

  bool on_network;
  StorePaths paths;
  FileLock lock;
  SQLite::Database database;
  std::uint32_t generation;
  ChangeRecorder changes;
  mutable std::recursive_mutex turn;
};

Store::Store(const std::filesystem::path& root, const StoreOptions& options)
    : impl_(std::make_unique<Impl>(root, options)) {}
Store::~Store() = default;
Store::Store(Store&&) noexcept = default;

const StorePaths& Store::paths() const {
  return impl_->paths;
}

Store::Turn Store::try_turn() {
  return Turn(impl_->turn, std::try_to_lock);
}

std::uint32_t Store::generation() const {
  return impl_->generation;
}

SweepId Store::record_sweep(const std::string& name, const std::string& yaml, const std::vector<Trial>& trials,
                            const StageGraph& graph, const std::vector<std::string>& overrides) {
  return impl_->in_transaction([&] {
    return SweepRecorder(impl_->database).record(name, {yaml, overrides}, trials, graph, utc_seconds());
  });
}

std::optional<SweepId> Store::find_sweep(const std::string& name, const std::vector<Trial>& trials,
                                         const StageGraph& graph) const {
  return impl_->read([&] { return find_recorded_sweep(impl_->database, name, trials, graph); });
}

std::vector<bool> Store::done_stages(const StageGraph& graph) {
  return impl_->in_transaction([&] {
    Prepared find(
        impl_->database,
        "SELECT artifact_bytes, artifact_removed_at IS NOT NULL FROM stages WHERE key = ? AND state = 'done'");
    Prepared undo(impl_->database, "UPDATE stages SET state = 'waiting', note = ?2 WHERE key = ?1");
    std::vector<bool> done(graph.stages.size());
    for (std::size_t i = 0; i < done.size(); ++i) {
      const StageKey& key = graph.stages[i].key;
      const std::string hex = to_hex(key);
      std::string fault;
      bool cleared_away = false;
      find.each(
          [&](SQLite::Statement& row) {
            done[i] = true;
            cleared_away = row.getColumn(1).getInt() != 0;
            if (!row.getColumn(0).isNull()) fault = impl_->artifact_fault(key, row.getColumn(0).getInt64());
          },
          hex);
      if (fault.empty()) continue;
      done[i] = false;
      if (!cleared_away) undo.run(hex, fault);
    }
    return done;
  });
}

std::int64_t Store::forget_failures(SweepId sweep, const FailureFilter& filter) {
  return impl_->in_transaction([&] { return forget_failed_stages(impl_->database, sweep, filter); });
}

std::vector<bool> Store::failed_stages(const StageGraph& graph) const {
  return impl_->read([&] {
    Prepared find(impl_->database, "SELECT state = 'failed' FROM stages WHERE key = ?");
    std::vector<bool> failed;
    failed.reserve(graph.stages.size());
    for (const Stage& stage : graph.stages) failed.push_back(find.integer(to_hex(stage.key)).value_or(0) != 0);
    return failed;
  });
}

std::vector<OpenCharge> Store::open_charges(const StageGraph& graph) const {
  return impl_->read([&] {
    std::unordered_map<std::string, StageIndex> index;
    for (StageIndex stage = 0; stage < graph.stages.size(); ++stage)
      index.emplace(to_hex(graph.stages[stage].key), stage);
    std::vector<OpenCharge> charges;
    Prepared(impl_->database,
             "SELECT s.key, f.cause, f.host FROM failures f JOIN stages s ON s.id = f.stage_id"
             " WHERE s.state = 'waiting' AND f.attempt > coalesce(s.attempt, 0) ORDER BY f.id")
        .each([&](SQLite::Statement& row) {
          std::string key, cause;
          OpenCharge charge;
          ColumnReader(row) >> key >> cause >> charge.host;
          const auto found = index.find(key);
          if (found == index.end()) return;
          charge.stage = found->second;
          charge.cause = parse_loss_cause(cause);
          charges.push_back(std::move(charge));
        });
    return charges;
  });
}

std::vector<OpenAttempt> Store::open_attempts() const {
  return impl_->read(
      [&] { return read_attempts(impl_->database, "SELECT number FROM attempts WHERE ended_at IS NULL"); });
}

std::vector<OpenAttempt> Store::lost_attempts(std::size_t most) const {
  return impl_->read([&] {
    return read_attempts(impl_->database,
                         "SELECT a.number FROM attempts a WHERE (a.how = 'lost' OR (a.how = 'returned' AND a.cause IN"
                         " ('signal', 'node_lost', 'heartbeat', 'hung', 'coordinator_lost')))"
                         " AND a.owner <> '' AND EXISTS"
                         " (SELECT 1 FROM attempt_stages x JOIN stages s ON s.id = x.stage_id"
                         " WHERE x.attempt = a.number AND s.state = 'waiting') ORDER BY a.number DESC LIMIT " +
                             std::to_string(most));
  });
}

std::vector<Submission> Store::open_submissions() const {
  return impl_->read([&] { return read_open_submissions(impl_->database); });
}

EnvironmentId Store::record_environment(const std::string& json) {
  return impl_->in_transaction([&] {
    if (*Prepared(impl_->database, "SELECT json_valid(?)").integer(json) == 0) {
      throw RefusedChange("the environment that a worker reported is not JSON: " + json.substr(0, 200));
    }
    Prepared(impl_->database, "INSERT OR IGNORE INTO environments (json) VALUES (?)").run(json);
    return *Prepared(impl_->database, "SELECT id FROM environments WHERE json = ?").integer(json);
  });
}

std::map<std::string, EnvironmentId> Store::environments() const {
  return impl_->read([&] {
    std::map<std::string, EnvironmentId> known;
    Prepared(impl_->database, "SELECT json, id FROM environments").each([&](SQLite::Statement& row) {
      known.emplace(row.getColumn(0).getString(), row.getColumn(1).getInt64());
    });
    return known;
  });
}

void Store::apply(const std::vector<StoreChange>& changes) {
  if (changes.empty()) return;
  impl_->in_transaction([&] {
    for (const StoreChange& change : changes) impl_->record(change);
  });
}

void Store::apply_while(const std::deque<StoreChange>& changes, const std::function<bool()>& go_on) {
  impl_->in_transaction([&] {
    for (const StoreChange& change : changes) {
      if (!go_on()) return;
      impl_->record(change);
    }
  });
}

MeasuredCost Store::measured_cost() const {
  return impl_->read([&] { return measure_cost(impl_->database); });
}

void Store::write_cell_statistics(const std::vector<CellStatistics>& cells) {
  impl_->in_transaction([&] { record_cells(impl_->database, cells); });
}

void Store::write_mask_overlaps(SweepId sweep, const std::vector<MaskOverlapRow>& rows) {
  impl_->in_transaction([&] { record_overlaps(impl_->database, sweep, rows); });
}

}  // namespace espalier
