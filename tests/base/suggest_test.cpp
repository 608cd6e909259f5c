#include "base/suggest.h"

#include <gtest/gtest.h>

namespace espalier {
namespace {

TEST(Suggest, FindsSlipsAndNothingElse) {
  const std::vector<std::string> choices{"magnitude", "random", "snip"};
  EXPECT_EQ(nearest_choice("snp", choices), "snip");
  EXPECT_EQ(nearest_choice("magnitdue", choices), "magnitude");
  EXPECT_EQ(nearest_choice("zebra", choices), "");
  EXPECT_EQ(nearest_choice(std::string(100000, 'a'), choices), "");
}

TEST(Suggest, SentenceNamesTheChoices) {
  EXPECT_EQ(unknown_name("snp", {"magnitude", "snip"}),
            "unknown \"snp\"; did you mean \"snip\"? (one of magnitude, snip)");
}

}  // namespace
}  // namespace espalier
