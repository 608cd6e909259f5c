#include <gmock/gmock.h>

#include "experiments/parse/store_config.h"
#include "tests/experiments/sweep_story.h"

namespace espalier {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const std::string kFailureSweep =
    "sweep: s\ndataset: mnist\nmodel: lenet-300-100\ntrain: {lr: 0.1, batch_size: 60, epochs: 2}\n"
    "prune: {method: [magnitude, snip], sparsity: [0.5, 0.9]}\n";

std::vector<std::string> config_problems(const std::string& text) {
  return texts(parse_store_config(text, "store/config.yaml").diagnostics);
}

TEST(FailureKeys, are_read_and_known_to_be_given) {
  const SweepSpec spec = spec_of(kFailureSweep +
                                 "on_failure: {crashes: 5, errors: 2, out_of_memory: 1, without_progress: 9, "
                                 "node_crashes: 4, max_failures: 0}\n");
  EXPECT_EQ(spec.on_failure.crashes, 5);
  EXPECT_EQ(spec.on_failure.errors, 2);
  EXPECT_EQ(spec.on_failure.out_of_memory, 1);
  EXPECT_EQ(spec.on_failure.without_progress, 9);
  EXPECT_EQ(spec.on_failure.node_crashes, 4);
  EXPECT_EQ(spec.on_failure.max_failures, 0);
  EXPECT_FALSE(spec_of(kFailureSweep).on_failure.crashes);
  EXPECT_FALSE(spec_of(kFailureSweep + "on_failure:\n").on_failure.crashes);
}

TEST(FailureKeys, every_problem_has_its_place_and_a_suggestion) {
  EXPECT_THAT(problems(kFailureSweep + "on_failure: {crashs: 5, errors: 0, out_of_memory: [1, 2], max_failures: -1}\n"),
              ElementsAre("s.yaml:6:33: on_failure.errors: expected an integer from 1 to 1000000, found 0",
                          HasSubstr("s.yaml:6:51: on_failure.out_of_memory: expected an integer from 1 to 1000000, "
                                    "found a list"),
                          "s.yaml:6:73: on_failure.max_failures: expected an integer from 0 to 1000000, found -1",
                          HasSubstr("s.yaml:6:14: on_failure.crashs: unknown \"crashs\"; did you mean \"crashes\"?")));
  EXPECT_THAT(problems(kFailureSweep + "on_failure: retry\n"),
              ElementsAre("s.yaml:6:13: on_failure: expected a map of keys, found the text \"retry\""));
  EXPECT_THAT(problems(kFailureSweep + "on_failur: {}\n"), ElementsAre(HasSubstr("did you mean \"on_failure\"?")));
}

TEST(FailureKeys, can_be_set_on_the_command_line) {
  EXPECT_EQ(spec_of(kFailureSweep, {"on_failure.crashes=5"}).on_failure.crashes, 5);
  EXPECT_EQ(spec_of(kFailureSweep + "on_failure: {crashes: 2}\n", {"on_failure.crashes=5"}).on_failure.crashes, 5);
  EXPECT_THAT(problems(kFailureSweep, {"on_failure.crashes=many"}),
              ElementsAre("--set on_failure.crashes: on_failure.crashes: expected an integer from 1 to 1000000, found "
                          "the text \"many\""));
}

TEST(FailureKeys, change_no_key) {
  const std::string policy = "on_failure: {crashes: 5, max_failures: 0}\n";
  const std::vector<Trial> without = trials_of(kFailureSweep), with = trials_of(policy + kFailureSweep);
  ASSERT_EQ(without.size(), with.size());
  for (std::size_t i = 0; i < with.size(); ++i) EXPECT_EQ(without[i].key, with[i].key) << describe(with[i]);
  const StageGraph before = build_stage_graph(without), after = build_stage_graph(with);
  ASSERT_EQ(before.stages.size(), after.stages.size());
  for (std::size_t i = 0; i < after.stages.size(); ++i) EXPECT_EQ(before.stages[i].key, after.stages[i].key);
}

TEST(FailureKeys, the_sweep_wins_over_the_store_key_by_key) {
  FailureKeys sweep, store;
  sweep.crashes = 7;
  store.crashes = 2;
  store.errors = 4;
  store.max_failures = 10;
  const FailurePolicy policy = make_failure_policy(sweep, store);
  EXPECT_EQ(policy.crashes, 7);
  EXPECT_EQ(policy.errors, 4);
  EXPECT_EQ(policy.max_failures, 10);
  EXPECT_EQ(policy.out_of_memory, FailurePolicy{}.out_of_memory);
  EXPECT_FALSE(make_failure_policy(sweep, {}).max_failures);
}

TEST(StoreConfig, gives_defaults_to_its_sweeps) {
  const ParsedStoreConfig parsed = parse_store_config("on_failure:\n  crashes: 5\n", "store/config.yaml");
  EXPECT_THAT(parsed.diagnostics, IsEmpty());
  EXPECT_EQ(parsed.config.on_failure.crashes, 5);
  EXPECT_FALSE(parsed.config.on_failure.errors);
  EXPECT_THAT(config_problems(""), IsEmpty());
  EXPECT_THAT(config_problems("# nothing yet\n"), IsEmpty());
}

TEST(StoreConfig, says_where_it_is_wrong) {
  EXPECT_THAT(config_problems("on_failure: {crashes: 0}\nwokers: 3\n"),
              ElementsAre("store/config.yaml:1:23: on_failure.crashes: expected an integer from 1 to 1000000, found 0",
                          "store/config.yaml:2:1: wokers: unknown \"wokers\" (one of on_failure)"));
  EXPECT_THAT(config_problems("on_failure: {crashes: 1\n"), ElementsAre(HasSubstr("store/config.yaml:")));
  EXPECT_THAT(config_problems("- a\n- b\n"), ElementsAre(HasSubstr("expected a map of keys, found a list")));
}

}  // namespace
}  // namespace espalier
