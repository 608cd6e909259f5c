#include "db/maintenance/garbage.h"

#include <array>
#include <optional>
#include <system_error>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "base/error.h"
#include "db/maintenance/artifact_rows.h"
#include "db/maintenance/needed_artifacts.h"
#include "db/sqlite/prepared.h"
#include "db/sqlite/read_only_database.h"
#include "db/sqlite/sqlite_errors.h"

namespace espalier {
namespace {

class Sorter {
 public:
  Sorter(const std::vector<ArtifactRow>& rows, const NeededArtifacts& needed, Evidence evidence)
      : needed_(needed), evidence_(evidence) {
    for (const ArtifactRow& row : rows) row_of_.emplace(row.key, &row);
  }

  /// Why the file can be removed; none if it is kept.
  std::optional<GarbageKind> kind_of(const StoreFile& file) const {
    if (file.kind == StoreFileKind::foreign) return std::nullopt;
    if (file.kind == StoreFileKind::damaged)
      return evidence_ == Evidence::remove ? std::optional(GarbageKind::damaged) : std::nullopt;
    if (file.kind == StoreFileKind::temporary && file.writer_runs) return std::nullopt;
    const ArtifactRow* row = row_of(file);
    if (row == nullptr) return GarbageKind::orphan;
    return row->may_run ? std::nullopt : kind_of(file, *row);
  }

  const ArtifactRow* row_of(const StoreFile& file) const {
    const auto found = row_of_.find(*file.stage);
    return found == row_of_.end() ? nullptr : found->second;
  }

  bool is_needed(const StageKey& stage) const { return needed_.artifacts.count(stage) != 0; }

 private:
  std::optional<GarbageKind> kind_of(const StoreFile& file, const ArtifactRow& row) const {
    switch (file.kind) {
      case StoreFileKind::artifact:
        if (!row.is_done) return GarbageKind::unrecorded;
        return is_needed(row.key) ? std::nullopt : std::optional(GarbageKind::intermediate);
      case StoreFileKind::resume_state:
        return needed_.resume_states.count(row.key) != 0 ? std::nullopt : std::optional(GarbageKind::resume_state);
      case StoreFileKind::checkpoint:
        return row.is_done ? std::optional(GarbageKind::old_checkpoint) : std::nullopt;
      case StoreFileKind::temporary:
        return GarbageKind::leftover;
      case StoreFileKind::damaged:
      case StoreFileKind::foreign:
        break;
    }
    return std::nullopt;
  }

  const NeededArtifacts& needed_;
  Evidence evidence_;
  std::unordered_map<StageKey, const ArtifactRow*> row_of_;
};

std::unordered_set<StageKey> keys_present(const std::vector<StoreFile>& files, const std::vector<ArtifactRow>& rows) {
  std::unordered_map<StageKey, std::int64_t> recorded;
  for (const ArtifactRow& row : rows) {
    if (row.has_artifact()) recorded.emplace(row.key, row.bytes);
  }
  std::unordered_set<StageKey> present;
  for (const StoreFile& file : files) {
    if (file.kind != StoreFileKind::artifact) continue;
    const auto found = recorded.find(*file.stage);
    if (found != recorded.end() && std::cmp_equal(file.bytes, found->second)) present.insert(*file.stage);
  }
  return present;
}

Garbage sort_files(const std::vector<StoreFile>& files, const Sorter& sorter) {
  Garbage garbage;
  for (const StoreFile& file : files) {
    const std::optional<GarbageKind> kind = sorter.kind_of(file);
    if (kind) {
      garbage.files.push_back({file.path, *kind, file.bytes});
      if (kind == GarbageKind::intermediate) garbage.to_mark.push_back(*file.stage);
      continue;
    }
    ++garbage.kept_files;
    garbage.kept_bytes += file.bytes;
    if (file.kind != StoreFileKind::artifact) continue;
    const ArtifactRow* row = sorter.row_of(file);
    if (row != nullptr && row->is_removed && sorter.is_needed(row->key)) garbage.to_unmark.push_back(row->key);
  }
  return garbage;
}

}  // namespace

std::string_view to_string(GarbageKind kind) {
  constexpr std::array<std::string_view, kGarbageKinds> kNames{"intermediate", "resume_state",   "unrecorded", "orphan",
                                                               "leftover",     "old_checkpoint", "damaged"};
  return kNames.at(static_cast<std::size_t>(kind));
}

Garbage find_garbage(const std::filesystem::path& root, Evidence evidence) {
  const StorePaths paths{root};
  return with_sqlite_errors(paths.database(), [&] {
    SQLite::Database database = open_read_only(root);
    const std::vector<StoreFile> files = list_store_files(paths);  // before the rows: see store_check.cpp
    const SQLite::Transaction one_moment(database);
    const std::vector<ArtifactRow> rows = read_artifact_rows(database);
    const NeededArtifacts needed = find_needed_artifacts(database, rows, keys_present(files, rows));
    return sort_files(files, Sorter(rows, needed, evidence));
  });
}

void mark_garbage(Store& store, const Garbage& garbage, double now) {
  std::vector<StoreChange> changes;
  for (const StageKey& stage : garbage.to_mark) changes.emplace_back(ArtifactRemoved{stage, now});
  for (const StageKey& stage : garbage.to_unmark) changes.emplace_back(ArtifactRemoved{stage, std::nullopt});
  store.apply(changes);
}

void remove_garbage(const Garbage& garbage) {
  std::string refused;
  std::int64_t count = 0;
  for (const Garbage::File& file : garbage.files) {
    std::error_code error;
    std::filesystem::remove(file.path, error);
    if (error && ++count == 1) refused = file.path.string() + ": " + error.message();
  }
  if (count == 0) return;
  throw Error(ErrorKind::invalid_input, refused + (count > 1 ? " (and " + std::to_string(count - 1) + " more)" : "") +
                                            "; correct its permissions, then run gc again");
}

}  // namespace espalier
