#include "db/migrations/migrations.h"

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
  EXPECT_EQ(ask(database, "SELECT ifnull(params_shrunk, '?') || ifnull(file_bytes, '?') FROM sweep_results"), "??");
  EXPECT_EQ(ask(database, "PRAGMA foreign_key_check"), "");
  for (const char* control : {"erk_random", "shuffle_network", "shuffle_sized", "small_dense"}) {
    EXPECT_NO_THROW(database.exec(std::string("UPDATE trials SET control = '") + control + "'"));
  }
  EXPECT_THROW(database.exec("UPDATE trials SET control = 'other'"), SQLite::Exception);
  EXPECT_THROW(database.exec("DELETE FROM trials"), SQLite::Exception);  // rows point at it, as before
}

// Evaluations of networks whose logits were no numbers had the accuracy of argmax's finds.
TEST(Migrations, a_store_of_version_7_loses_accuracies_of_what_is_no_number_and_no_others) {
  SQLite::Database database(":memory:", SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
  database.exec("PRAGMA foreign_keys = ON");
  for (int version = 0; version < 7; ++version) database.exec(std::string(migration_texts()[version]));
  database.exec("PRAGMA user_version = 7; PRAGMA application_id = 1163087948");
  database.exec(
      "INSERT INTO models VALUES (1, 'm', 1, 1, 1, 2, 3, 4, 5);"
      "INSERT INTO specs VALUES (1, '{}');"
      "INSERT INTO sweeps (id, name, edition, label, spec_sha256, yaml, created_at, changed_at)"
      " VALUES (1, 'a', 1, 'a', 'x', 'y', 0, 0);"
      "INSERT INTO stages (id, key, kind, seed, spec_id, label, cost, planned_steps, state, steps) VALUES"
      " (1, 'broken', 'evaluate', 0, 1, 'l', 0, 0, 'done', NULL), (2, 'sound', 'evaluate', 0, 1, 'l', 0, 0, 'done', "
      "NULL),"
      " (3, 'train', 'train', 0, 1, 'l', 0, 40, 'done', 3);"
      "INSERT INTO evaluations VALUES (1, 0.355, NULL), (2, 0.9, 0.5);"
      "INSERT INTO class_accuracies VALUES (1, 0, 0.25), (1, 1, 0.5), (2, 0, 0.75);"
      "INSERT INTO metrics VALUES (3, 'validation_loss', 2, NULL), (3, 'validation_accuracy', 2, 0.1),"
      " (3, 'validation_loss', 1, 0.3), (3, 'validation_accuracy', 1, 0.2);"
      "INSERT INTO trials VALUES (7, 't', 1, 0, 'm', 'm', 'w', 'g', 's', 1, 'none', 'none', 0.5, 0, 40, 1, NULL, 3, 2),"
      " (8, 'u', 1, 1, 'm', 'm', 'w', 'g', 's', 1, 'none', 'none', 0.5, 0, 0, 2, NULL, NULL, 2);"
      "INSERT INTO sweep_trials VALUES (1, 7, 0, 'd', 'v'), (1, 8, 1, 'd', 'v');"
      "INSERT INTO trial_stages VALUES (7, 1), (7, 3), (8, 2);"
      "INSERT INTO mask_overlaps VALUES (1, 0, 'seed', 7, 8, 1, 2, 1, 0.5, 0.25, 0.3);");
  EXPECT_EQ(ask(database, "SELECT count(*) FROM frontier"), "1");
  migrate(database, "store.db");
  EXPECT_EQ(ask(database, "SELECT trial_a || trial_b || jaccard FROM mask_overlaps"), "780.5");
  EXPECT_EQ(ask(database, "SELECT count(*) FROM sweep_trials JOIN trial_stages USING (trial_id)"), "3");
  EXPECT_EQ(ask(database, "PRAGMA foreign_key_check"), "");
  EXPECT_EQ(ask(database, "SELECT group_concat(stage_id || ifnull(accuracy, '-')) FROM evaluations"), "1-,20.9");
  EXPECT_EQ(ask(database, "SELECT group_concat(stage_id || ifnull(accuracy, '-')) FROM class_accuracies"),
            "1-,1-,20.75");
  EXPECT_EQ(ask(database, "SELECT group_concat(ifnull(value, '-')) FROM metrics WHERE name = 'validation_accuracy'"),
            "0.2,-");
  EXPECT_EQ(ask(database, "SELECT count(*) FROM frontier"), "0");  // one of its two seeds has no accuracy
  EXPECT_EQ(ask(database, "SELECT train_steps || ' of ' || train_steps_planned FROM results WHERE trial_key = 't'"),
            "3 of 40");
}

std::string verdict_after(const std::string& p_holm, const std::string& difference) {
  SQLite::Database database(":memory:", SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
  int version = 0;
  for (; version < 7; ++version) database.exec(std::string(migration_texts()[static_cast<std::size_t>(version)]));
  database.exec("PRAGMA user_version = 7; PRAGMA application_id = 1163087948");
  database.exec(
      "INSERT INTO sweeps (id, name, edition, label, spec_sha256, yaml, created_at, changed_at)"
      " VALUES (1, 'a', 1, 'a', 'x', 'y', 0, 0);"
      "INSERT INTO cell_statistics VALUES (1, 0, 'd', 'm', 'm', 'm', 'w', 'g', 's', 1, 'none', 'none', 0.5, 0.5, 4, 2, "
      "4,"
      " 2, 0.9, 0.1, 0.8, 0.9, 10, 1, 't', 3, 0.9, 0.8, " +
      difference + ", 1, 2, 0.01, '', 0, " + p_holm + ", 'better')");
  migrate(database, "store.db");
  EXPECT_EQ(ask(database, "SELECT test_accuracy_at_best_validation FROM versus_random"), "0.8");
  return ask(database, "SELECT verdict FROM versus_random");
}

// Of version 7: by the interval, whatever the correction said.
TEST(Migrations, verdicts_that_are_there_follow_the_corrected_p) {
  EXPECT_EQ(verdict_after("0.06", "1.5"), "inconclusive");
  EXPECT_EQ(verdict_after("NULL", "1.5"), "inconclusive");
  EXPECT_EQ(verdict_after("0.04", "1.5"), "better");
  EXPECT_EQ(verdict_after("0.04", "-1.5"), "worse");
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
