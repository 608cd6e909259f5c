// A short run over everything that reads bytes of others. fuzz_inputs makes long ones.

#include <ostream>

#include <gtest/gtest.h>

#include "tests/fuzz/driver.h"

namespace espalier {

void PrintTo(const FuzzTarget& target, std::ostream* out) {
  *out << target.name;
}

namespace {

class Fuzz : public testing::TestWithParam<FuzzTarget> {};

TEST_P(Fuzz, what_others_send_is_read_or_refused_as_promised) {
  constexpr std::uint64_t kSeed = 20;
  const FuzzTarget& target = GetParam();
  const FuzzSummary summary = fuzz(target, kSeed, 0, target.short_run);
  for (const FuzzFinding& finding : summary.findings) {
    ADD_FAILURE() << finding.what << "\n  " << finding.input
                  << "\n  again: " << replay_command(target, kSeed, finding.number);
  }
  RecordProperty("slowest_ms", static_cast<int>(summary.slowest_seconds * 1000));
  RecordProperty("most_held_bytes", static_cast<int>(summary.most_held));
}

/// A seed that is refused at its first byte would test nothing.
TEST_P(Fuzz, its_seeds_are_accepted) {
  const FuzzTarget& target = GetParam();
  ASSERT_FALSE(target.seeds.empty());
  for (const std::string& seed : target.seeds) EXPECT_TRUE(target.read(seed)) << escaped(seed, 400);
}

INSTANTIATE_TEST_SUITE_P(Targets, Fuzz, testing::ValuesIn(fuzz_targets()),
                         [](const auto& target) { return target.param.name; });

}  // namespace
}  // namespace espalier
