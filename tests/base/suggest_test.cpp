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

TEST(Suggest, CapitalsMarksAndWhatNobodySeesAreSlips) {
  const std::vector<std::string> choices{"mnist", "train", "lenet-5", "lenet-300-100", "random", "erk_random"};
  EXPECT_EQ(nearest_choice("MNIST", choices), "mnist");
  EXPECT_EQ(nearest_choice("training", choices), "train");
  EXPECT_EQ(nearest_choice("lenet300", choices), "lenet-300-100");
  EXPECT_EQ(nearest_choice("LeNet5", choices), "lenet-5");
  EXPECT_EQ(nearest_choice("random_pruning", choices), "random");
  EXPECT_EQ(nearest_choice("mnist\u00a0", choices), "mnist");
  EXPECT_EQ(nearest_choice("x", {"a", "b"}), "");  // all of it would have to change
}

TEST(Suggest, SentenceNamesTheChoices) {
  EXPECT_EQ(unknown_name("snp", {"magnitude", "snip"}),
            "unknown \"snp\"; did you mean \"snip\"? (one of magnitude, snip)");
}

}  // namespace
}  // namespace espalier
