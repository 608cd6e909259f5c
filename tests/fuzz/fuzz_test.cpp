// A short run over everything that reads bytes of others, and a long one over what peers say. fuzz_inputs makes others.

#include <ostream>

#include <gtest/gtest.h>

#include "tests/fuzz/driver.h"

namespace espalier {

void PrintTo(const FuzzTarget& target, std::ostream* out) {
  *out << target.name;
}

namespace {

class Fuzz : public testing::TestWithParam<FuzzTarget> {};

void expect_promises_kept(const FuzzTarget& target, std::uint64_t seed, std::uint64_t count) {
  const FuzzSummary summary = fuzz(target, seed, 0, count);
  for (const FuzzFinding& finding : summary.findings) {
    ADD_FAILURE() << finding.what << "\n  " << finding.input
                  << "\n  again: " << replay_command(target, seed, finding.number);
  }
  testing::Test::RecordProperty("slowest_ms", static_cast<int>(summary.slowest_seconds * 1000));
  testing::Test::RecordProperty("most_held_bytes", static_cast<int>(summary.most_held));
}

TEST_P(Fuzz, what_others_send_is_read_or_refused_as_promised) {
  constexpr std::uint64_t kSeed = 20;
  expect_promises_kept(GetParam(), kSeed, GetParam().short_run);
}

/// A seed that is refused at its first byte would test nothing.
TEST_P(Fuzz, its_seeds_are_accepted) {
  const FuzzTarget& target = GetParam();
  ASSERT_FALSE(target.seeds.empty());
  for (const std::string& seed : target.seeds) EXPECT_TRUE(target.read(seed)) << escaped(seed, 400);
}

/// Minutes: everything that comes over a connection, from its frames to what the database keeps of it.
class FuzzAMillion : public Fuzz {};

TEST_P(FuzzAMillion, inputs_are_read_or_refused_as_promised) {
  constexpr std::uint64_t kSeed = 21;
  expect_promises_kept(GetParam(), kSeed, 1'000'000);
}

std::vector<FuzzTarget> targets_of_peers() {
  std::vector<FuzzTarget> targets = fuzz_targets();
  std::erase_if(targets, [](const FuzzTarget& target) { return target.name != "frames" && target.name != "outcomes"; });
  return targets;
}

INSTANTIATE_TEST_SUITE_P(Targets, Fuzz, testing::ValuesIn(fuzz_targets()),
                         [](const auto& target) { return target.param.name; });
INSTANTIATE_TEST_SUITE_P(Long, FuzzAMillion, testing::ValuesIn(targets_of_peers()),
                         [](const auto& target) { return target.param.name; });

}  // namespace
}  // namespace espalier
