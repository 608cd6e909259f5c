#include "experiments/catalog/granularity.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace espalier {
namespace {

TEST(Granularity, TextsGoThereAndBack) {
  for (const char* text : {"weight", "block 4x4 mean", "block 1x16 l1", "2:4", "4:8", "row l2", "filter l1",
                           "channel max", "head sum", "layer mean"}) {
    EXPECT_EQ(to_string(parse_granularity(text)), text);
  }
}

TEST(Granularity, ReductionsHaveDefaults) {
  EXPECT_EQ(to_string(parse_granularity("block 4x4")), "block 4x4 mean");
  EXPECT_EQ(to_string(parse_granularity("filter")), "filter l2");
  EXPECT_EQ(to_string(parse_granularity("  channel   l1 ")), "channel l1");
}

TEST(Granularity, ErrorsSayWhatIsMeant) {
  const auto message = [](const char* text) -> std::string {
    try {
      parse_granularity(text);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::invalid_input);
      return error.what();
    }
    return "accepted";
  };
  EXPECT_NE(message("chanel").find("did you mean \"channel\""), std::string::npos) << message("chanel");
  EXPECT_NE(message("4:2").find("0 < n < m"), std::string::npos);
  EXPECT_NE(message("0:4").find("0 < n < m"), std::string::npos);
  EXPECT_NE(message("2:4 l1").find("n:m"), std::string::npos);
  EXPECT_NE(message("block").find("block 4x4"), std::string::npos);
  EXPECT_NE(message("block 4x0").find("block 4x4"), std::string::npos);
  EXPECT_NE(message("block 99999999999999999999x4").find("block 4x4"), std::string::npos);
  EXPECT_NE(message("row l3").find("l1"), std::string::npos);
  EXPECT_NE(message("weight l1").find("nothing to reduce"), std::string::npos);
  EXPECT_NE(message("row l1 l2").find("more words"), std::string::npos);
  EXPECT_NE(message("").find("weight"), std::string::npos);
}

}  // namespace
}  // namespace espalier
