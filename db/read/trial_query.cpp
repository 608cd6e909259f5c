#include "db/read/trial_query.h"

#include <algorithm>
#include <cctype>
#include <vector>

#include "base/error.h"
#include "db/sqlite/column_reader.h"
#include "db/sqlite/prepared.h"
#include "db/sqlite/read_only_database.h"
#include "db/sqlite/sqlite_errors.h"
#include "experiments/paths/store_paths.h"

namespace espalier {
namespace {

constexpr const char* kQuery =
    "SELECT t.key, m.name, e.state, p.json, w.key, coalesce(w.artifact_sha256, ''), k.key,"
    " coalesce(k.artifact_sha256, '') FROM trials t JOIN models m ON m.id = t.model_id"
    " JOIN stages e ON e.id = t.evaluate_stage JOIN specs p ON p.id = e.spec_id"
    " LEFT JOIN stage_inputs iw ON iw.stage_id = e.id AND iw.role = 'weights' LEFT JOIN stages w ON w.id = iw.input_id"
    " LEFT JOIN stage_inputs ik ON ik.stage_id = e.id AND ik.role = 'masks' LEFT JOIN stages k ON k.id = ik.input_id"
    " WHERE t.key >= ?1 AND t.key < ?1 || 'g' ORDER BY t.key LIMIT 2";

std::string lower_digits(std::string key) {
  std::transform(key.begin(), key.end(), key.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const bool good = !key.empty() && key.size() <= 64 &&
                    std::all_of(key.begin(), key.end(), [](unsigned char c) { return std::isxdigit(c) != 0; });
  if (good) return key;
  throw Error(ErrorKind::invalid_input,
              "a trial is named by the first hexadecimal digits of its key; `espalier results --json` shows it");
}

}  // namespace

TrialNetwork find_trial_network(const std::filesystem::path& root, const std::string& key) {
  const std::string digits = lower_digits(key);
  return with_sqlite_errors(StorePaths{root}.database(), [&] {
    const SQLite::Database database = open_read_only(root);
    std::vector<TrialNetwork> found;
    Prepared(database, kQuery)
        .each(
            [&](SQLite::Statement& row) {
              TrialNetwork& one = found.emplace_back();
              ColumnReader(row) >> one.trial >> one.model >> one.evaluate_state >> one.evaluate_spec >>
                  one.weights_stage >> one.weights_sha256 >> one.masks_stage >> one.masks_sha256;
            },
            digits);
    if (found.size() == 1) return found.front();
    throw Error(ErrorKind::invalid_input,
                found.empty() ? "no trial's key begins with " + digits + "; `espalier results --json` shows the keys"
                              : "several trials' keys begin with " + digits + "; give more digits");
  });
}

}  // namespace espalier
