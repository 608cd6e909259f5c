#include "orchestrator/transfer/placed_files.h"

#include <gtest/gtest.h>

namespace espalier {
namespace {

StageKey stage_named(const std::string& name) {
  return {sha256(name)};
}

class Placed : public testing::Test {
 protected:
  bool place(const StageKey& stage, const std::string& bytes) {
    return placed_.place(stage, sha256(bytes), [&] { lying_ = bytes; });
  }
  bool settle(const StageKey& stage, const std::string& bytes) { return placed_.settle(stage, to_hex(sha256(bytes))); }

  PlacedFiles placed_;
  const StageKey stage_ = stage_named("stage");
  std::string lying_;
};

TEST_F(Placed, AnOutcomeDescribesTheFileThatLiesThere) {
  placed_.expect(stage_);
  EXPECT_TRUE(place(stage_, "one"));
  EXPECT_FALSE(settle(stage_, "another"));
  EXPECT_TRUE(place(stage_, "another"));
  EXPECT_FALSE(settle(stage_, "one"));
  EXPECT_TRUE(settle(stage_, "another"));
}

TEST_F(Placed, WhatIsDescribedStays) {
  placed_.expect(stage_);
  place(stage_, "one");
  settle(stage_, "one");
  EXPECT_FALSE(place(stage_, "another"));
  EXPECT_EQ(lying_, "one");
  placed_.expect(stage_);  // it is made again
  EXPECT_TRUE(place(stage_, "another"));
}

TEST_F(Placed, AnOutcomeOfAStageWithoutAFileIsItsOwn) {
  EXPECT_TRUE(settle(stage_, "one"));
  placed_.expect(stage_);
  EXPECT_TRUE(settle(stage_, "one"));  // it never arrived
  EXPECT_FALSE(place(stage_, "another"));
}

TEST_F(Placed, OldOnesAreForgottenAndNoneThatIsMadeAgain) {
  placed_.expect(stage_);
  place(stage_, "one");
  settle(stage_, "one");
  placed_.expect(stage_);
  place(stage_, "two");
  for (int other = 0; other < 2000; ++other) {
    placed_.expect(stage_named(std::to_string(other)));
    settle(stage_named(std::to_string(other)), "any");
  }
  EXPECT_FALSE(settle(stage_, "one"));
  EXPECT_TRUE(settle(stage_, "two"));
}

}  // namespace
}  // namespace espalier
