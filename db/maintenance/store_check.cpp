#include "db/maintenance/store_check.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <system_error>
#include <unordered_map>
#include <utility>

#include "base/error.h"
#include "base/sha256.h"
#include "db/maintenance/artifact_rows.h"
#include "db/maintenance/store_files.h"
#include "db/sqlite/prepared.h"
#include "db/sqlite/read_only_database.h"
#include "db/sqlite/sqlite_errors.h"

namespace espalier {
namespace {

constexpr int kMostComplaints = 100;
constexpr const char* kRestore =
    "restore a backup (docs/maintenance.md), or rescue what can be read with `sqlite3 espalier.db .recover`";
constexpr const char* kRepair = "`espalier db check --repair` has its stage done again";
constexpr const char* kCollect = "`espalier gc` removes it";

struct Fault {
  FindingKind kind;
  std::string what;
};

/// SQLite begins some complaints with a title: "*** in database main ***".
std::string in_one_line(std::string complaint) {
  if (complaint.starts_with("***")) complaint.erase(0, complaint.find('\n') + 1);
  std::ranges::replace(complaint, '\n', ' ');
  return complaint;
}

/// What is wrong with an artifact; none if its bytes are those recorded.
std::optional<Fault> fault_of(const std::filesystem::path& path, const ArtifactRow& row) {
  const std::string whose = " of \"" + row.label + "\"";
  std::error_code error;
  const std::uintmax_t bytes = std::filesystem::file_size(path, error);
  if (error == std::errc::no_such_file_or_directory) {
    return Fault{FindingKind::artifact_missing, "the artifact" + whose + " is missing"};
  }
  if (error) return Fault{FindingKind::artifact_unreadable, "the artifact" + whose + ": " + error.message()};
  if (std::cmp_not_equal(bytes, row.bytes)) {
    return Fault{FindingKind::artifact_damaged, "the artifact" + whose + " has " + std::to_string(bytes) +
                                                    " bytes, not the " + std::to_string(row.bytes) + " recorded"};
  }
  try {
    if (to_hex(sha256_file(path)) == row.sha256) return std::nullopt;
  } catch (const Error& failure) {
    return Fault{FindingKind::artifact_unreadable, "the artifact" + whose + ": " + failure.what()};
  }
  return Fault{FindingKind::artifact_damaged,
               "the artifact" + whose + " has other bytes than were recorded (its SHA-256 differs)"};
}

class Checker {
 public:
  explicit Checker(const std::filesystem::path& root) : paths_{root} {}

  StoreCheck run() {
    try {
      const SQLite::Database database = open_read_only(paths_.root);
      check_database(database);
      check_references(database);
      check_files(database);
    } catch (const SQLite::Exception& failure) {
      note_failure(failure);
    }
    std::ranges::stable_partition(check_.findings, [](const Finding& finding) { return is_damage(finding.kind); });
    check_.damages = std::ranges::count_if(check_.findings, is_damage, &Finding::kind);
    return std::move(check_);
  }

 private:
  void add(FindingKind kind, const std::filesystem::path& where, std::string what, std::string remedy,
           const std::optional<StageKey>& stage = {}) {
    check_.findings.push_back(
        {kind, where, std::move(what), std::move(remedy), stage ? to_hex(*stage) : std::string()});
  }

  void note_failure(const SQLite::Exception& failure) {
    try {
      throw_as_error(failure, paths_.database());
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::corrupt) throw;
    }
    add(FindingKind::database_damaged, paths_.database(),
        std::string(failure.what()) + "; what comes after it was not checked", kRestore);
  }

  void check_database(const SQLite::Database& database) {
    Prepared(database, "PRAGMA integrity_check(" + std::to_string(kMostComplaints) + ")")
        .each([&](SQLite::Statement& row) {
          const std::string complaint = row.getColumn(0).getString();
          if (complaint != "ok")
            add(FindingKind::database_damaged, paths_.database(), in_one_line(complaint), kRestore);
        });
  }

  void check_references(const SQLite::Database& database) {
    std::map<std::pair<std::string, std::string>, std::int64_t> broken;  // a lost page may leave thousands
    Prepared(database, "PRAGMA foreign_key_check").each([&](SQLite::Statement& row) {
      ++broken[{row.getColumn(0).getString(), row.getColumn(2).getString()}];
    });
    for (const auto& [tables, count] : broken) {
      add(FindingKind::reference_broken, paths_.database(),
          "rows of " + tables.first + " (" + std::to_string(count) + ") point at rows of " + tables.second +
              " that are not there",
          kRestore);
    }
  }

  // The files are listed before the rows are read: no file of a stage is older than the stage's row, so that none is
  // taken for an orphan while a coordinator runs.
  void check_files(const SQLite::Database& database) {
    const std::vector<StoreFile> files = list_store_files(paths_);
    const std::vector<ArtifactRow> rows = read_artifact_rows(database);
    Prepared find_again(database,
                        "SELECT 1 FROM stages WHERE key = ? AND state = 'done' AND artifact_removed_at IS NULL"
                        " AND artifact_sha256 = ?");
    for (const ArtifactRow& row : rows) {
      if (row.has_artifact() && !row.is_removed) check_artifact(row, find_again);
    }
    std::unordered_map<StageKey, const ArtifactRow*> row_of;
    for (const ArtifactRow& row : rows) row_of.emplace(row.key, &row);
    for (const StoreFile& file : files) {
      const auto found = file.stage ? row_of.find(*file.stage) : row_of.end();
      check_file(file, found == row_of.end() ? nullptr : found->second);
    }
  }

  void check_artifact(const ArtifactRow& row, Prepared& find_again) {
    const std::filesystem::path path = paths_.artifact(row.key);
    std::optional<Fault> fault = fault_of(path, row);
    // A coordinator may have set it aside, or have had it made again, while we read.
    if (fault && !find_again.integer(to_hex(row.key), row.sha256)) return;
    if (fault) fault = fault_of(path, row);
    if (!fault) {
      ++check_.artifacts;
      check_.artifact_bytes += static_cast<std::uintmax_t>(row.bytes);
      return;
    }
    const bool unreadable = fault->kind == FindingKind::artifact_unreadable;
    add(fault->kind, path, fault->what, unreadable ? "check the disk, and who may read the file" : kRepair, row.key);
  }

  /// `row`: of its stage; null if there is none.
  void check_file(const StoreFile& file, const ArtifactRow* row) {
    if (file.kind == StoreFileKind::foreign) {
      add(FindingKind::foreign_file, file.path, "is no file of the store's", "move it away if it is not wanted here");
    } else if (file.kind == StoreFileKind::damaged) {
      add(FindingKind::set_aside, file.path, "was set aside as damaged",
          "look at it, then `espalier gc --damaged` removes it", file.stage);
    } else if (row == nullptr) {
      add(FindingKind::orphan, file.path, "belongs to no stage of this store", kCollect, file.stage);
    } else if (file.kind == StoreFileKind::temporary && !file.writer_runs && !row->may_run) {
      add(FindingKind::leftover, file.path, "was left half written by a process that died", kCollect, file.stage);
    } else if (file.kind == StoreFileKind::checkpoint && row->is_done && !row->is_removed && !row->may_run) {
      add(FindingKind::old_checkpoint, file.path, "is a checkpoint of a stage that is done", kCollect, file.stage);
    } else if (file.kind == StoreFileKind::artifact && !row->is_done && !row->may_run) {
      add(FindingKind::unrecorded, file.path,
          "is there, and its stage is not done: a process died before it was recorded, or the database has lost what "
          "it "
          "recorded last",
          "if there are many, restore a backup; the next run makes it again", file.stage);
    } else if (file.kind == StoreFileKind::artifact && row->is_removed && !row->may_run) {
      add(FindingKind::removal_cut_short, file.path, "was to be removed by a gc that was cut short",
          "`espalier gc` removes it, or keeps it if it is needed now", file.stage);
    }
  }

  StorePaths paths_;
  StoreCheck check_;
};

}  // namespace

std::string_view to_string(FindingKind kind) {
  constexpr std::array<std::string_view, 12> kNames{
      "database_damaged",    "reference_broken", "artifact_missing", "artifact_damaged",
      "artifact_unreadable", "orphan",           "foreign_file",     "leftover",
      "set_aside",           "old_checkpoint",   "unrecorded",       "removal_cut_short"};
  return kNames.at(static_cast<std::size_t>(kind));
}

bool is_damage(FindingKind kind) {
  return kind <= FindingKind::artifact_unreadable;
}

StoreCheck check_store(const std::filesystem::path& root) {
  return with_sqlite_errors(StorePaths{root}.database(), [&] { return Checker(root).run(); });
}

}  // namespace espalier
