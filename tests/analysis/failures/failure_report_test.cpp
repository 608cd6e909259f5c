#include "analysis/failures/failure_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/analysis/failures/failure_story.h"

namespace espalier {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

bool has_lr_1(const TrialFateRow& trial) {
  return trial.variant == "train.lr=1";
}
bool is_trial_1(const TrialFateRow& trial) {
  return trial.key == "trial1";
}

FailureStory make_story() {
  return {{"magnitude", "snip"}, {"0.1", "1"}, {0.5, 0.9}, 3};
}

TEST(FailureReport, of_a_healthy_sweep_is_one_line) {
  FailureStory story = make_story();
  story.finish_the_rest();
  EXPECT_EQ(render_failures("curves", story.evidence(), {}), "curves: nothing failed\n");
}

TEST(FailureReport, says_what_is_bad_shows_an_example_and_what_to_do) {
  FailureStory story = make_story();
  story.fail(has_lr_1, "numeric", "score of layer fc1 is not a number");
  story.finish_the_rest();
  story.evidence().failures[0].log = "1\n2\n3\n4\n5\n6\n7\n";
  EXPECT_EQ(render_failures("curves", story.evidence(), {" --store s", false}),
            "curves: 12 failures, 12 jobs quarantined\n"
            "\n"
            "[1] region: every trial with train.lr=1 fails: 12 of 12; nothing else does\n"
            "    12 failures of 12 jobs on 1 node; 12 quarantined; cause: numeric\n"
            "    signature: numeric: score of layer fc# is not a number\n"
            "    for example: train trial24 [aaaaaaaaaaaa] on rank 0 of local-1 (node1), 1970-01-01 00:00:00 UTC\n"
            "      score of layer fc1 is not a number\n"
            "      log | 3\n"
            "      log | 4\n"
            "      log | 5\n"
            "      log | 6\n"
            "      log | 7\n"
            "      log | ... 2 more; -v shows all\n"
            "    next: espalier explain aaaaaaaaaaaa --store s\n"
            "          fix the program or the data, or leave train.lr=1 out of the sweep\n"
            "          fixed? the next espalier run of the sweep tries them again\n"
            "\n"
            "12 of 24 trials have no result: 0 failed, 12 blocked (they wait for jobs that failed)\n");
}

TEST(FailureReport, names_retry_where_a_run_does_not_try_again) {
  FailureStory story = make_story();
  story.fail(is_trial_1, "signal", "killed");
  story.finish_the_rest();
  story.evidence().failures[0].signal = 11;
  story.evidence().failures[0].backtrace = "1\n2\n3\n4\n5\n6\n7\n8\n9\n";
  const std::string text = render_failures("curves", story.evidence(), {});
  EXPECT_THAT(text, AllOf(HasSubstr("signal 11 (SEGV)\n"), HasSubstr("at  | 8\n      at  | ... 1 more; -v"),
                          HasSubstr("fixed? espalier retry SWEEP.yaml --stage aaaaaaaaaaaa\n")));
  EXPECT_THAT(render_failures("curves", story.evidence(), {"", true}),
              AllOf(HasSubstr("at  | 9\n"), HasSubstr("job train trial1 [aaaaaaaaaaaa] on node1: quarantined\n")));
}

TEST(FailureReport, keeps_diverged_trials_apart_as_results) {
  FailureStory story = make_story();
  story.diverge(has_lr_1);
  story.finish_the_rest();
  EXPECT_EQ(render_failures("curves", story.evidence(), {}),
            "curves: nothing failed\n"
            "\n"
            "Diverged, which is a result and not a failure: 12 trainings, behind 12 trials\n"
            "    every trial with train.lr=1 diverges: 12 of 12; nothing else does\n"
            "    train trial13 [trial13], at step 40\n"
            "    train trial14 [trial14], at step 40\n"
            "    train trial15 [trial15], at step 40\n"
            "    ... 9 more; -v lists them\n");
}

TEST(FailureReport, does_not_let_a_log_rule_the_terminal) {
  FailureStory story = make_story();
  story.fail(is_trial_1, "error", "bad \x1b[2J screen\r\nsecond line");
  const std::string text = render_failures("curves", story.evidence(), {});
  EXPECT_THAT(text, AllOf(Not(HasSubstr("\x1b")), HasSubstr("      bad \\x1b[2J screen\n      second line\n")));
}

TEST(FailureReport, is_an_object_for_programs) {
  FailureStory story = make_story();
  story.fail(has_lr_1, "numeric", "score of layer fc1 is not a number");
  story.finish_the_rest();
  story.evidence().failures[0].log = "\xff\xfe";
  const nlohmann::ordered_json json = failures_json("curves", story.evidence());
  EXPECT_EQ(json["groups"][0]["verdict"], "region");
  EXPECT_EQ(json["groups"][0]["settings"]["train.lr"], "1");
  EXPECT_EQ(json["groups"][0]["stages"].size(), 12U);
  EXPECT_EQ(json["groups"][0]["example"]["label"], "train trial24");
  EXPECT_EQ(json["trials_blocked"], 12);
  EXPECT_EQ(json["diverged"]["trials"], 0);
  EXPECT_NO_THROW(json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
}

}  // namespace
}  // namespace espalier
