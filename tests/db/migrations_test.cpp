#include "db/migrations.h"

#include <filesystem>

#include <SQLiteCpp/SQLiteCpp.h>
#include <gtest/gtest.h>

namespace espalier {
namespace {

std::string ask(SQLite::Database& database, const std::string& query) {
  SQLite::Statement statement(database, query);
  return statement.executeStep() ? statement.getColumn(0).getString() : "";
}

// A store of version 1 with a trial, a sweep that has it and a stage behind it.
TEST(Migrations, a_store_of_the_first_version_keeps_its_rows_and_takes_new_controls) {
  SQLite::Database database(":memory:", SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
  database.exec("PRAGMA foreign_keys = ON");
  database.exec(std::string(migration_texts()[0]));
  database.exec("PRAGMA user_version = 1; PRAGMA application_id = 1163087948");
  database.exec(
      "INSERT INTO models VALUES (1, 'm', 1, 1, 1, 2, 3, 4, 5);"
      "INSERT INTO specs VALUES (1, '{}');"
      "INSERT INTO sweeps (id, name, edition, label, spec_sha256, yaml, created_at, changed_at)"
      " VALUES (1, 'a', 1, 'a', 'x', 'y', 0, 0);"
      "INSERT INTO stages (id, key, kind, seed, spec_id, label, cost, planned_steps)"
      " VALUES (1, 'k', 'evaluate', 0, 1, 'l', 0, 0);"
      "INSERT INTO trials VALUES (7, 't', 1, 0, 'm', 'm', 'w', 'g', 's', 1, 'none', 'shuffle', 0.5, 0, 0, 1, 1, 1, "
      "NULL);"
      "INSERT INTO sweep_trials VALUES (1, 7, 0, 'd', 'v');"
      "INSERT INTO trial_stages VALUES (7, 1);");
  migrate(database, "store.db");
  EXPECT_EQ(ask(database, "PRAGMA user_version"), std::to_string(schema_version()));
  EXPECT_EQ(ask(database, "SELECT key || control FROM trials"), "tshuffle");
  EXPECT_EQ(ask(database, "SELECT count(*) FROM sweep_trials JOIN trial_stages USING (trial_id)"), "1");
  EXPECT_EQ(ask(database, "PRAGMA foreign_key_check"), "");
  for (const char* control : {"erk_random", "shuffle_network"}) {
    EXPECT_NO_THROW(database.exec(std::string("UPDATE trials SET control = '") + control + "'"));
  }
  EXPECT_THROW(database.exec("UPDATE trials SET control = 'other'"), SQLite::Exception);
  EXPECT_THROW(database.exec("DELETE FROM trials"), SQLite::Exception);  // rows point at it, as before
}

// For each outcome: as long as the rest of what it costs.
TEST(Migrations, NoTableIsMadeToCheckAStateThatChanges) {
  SQLite::Database database(":memory:", SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
  migrate(database, "store.db");
  SQLite::Statement steps(database, "EXPLAIN UPDATE stages SET state = 'done' WHERE id = 1");
  int count = 0;
  for (; steps.executeStep(); ++count) EXPECT_STRNE(steps.getColumn(1).getText(), "OpenEphemeral");
  EXPECT_GT(count, 0);
  EXPECT_THROW(database.exec("INSERT INTO specs VALUES (1, '{}');"
                             "INSERT INTO stages (id, key, kind, seed, spec_id, label, cost, planned_steps, state)"
                             " VALUES (1, 'k', 'evaluate', 0, 1, 'l', 0, 0, 'other')"),
               SQLite::Exception);
}

}  // namespace
}  // namespace espalier
