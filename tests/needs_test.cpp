#include "tests/needs.h"

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest-spi.h>

namespace espalier {
namespace {

class Needs : public testing::Test {
 protected:
  void SetUp() override {
    if (const char* before = std::getenv("ESPALIER_REQUIRE")) before_ = before;
  }
  void TearDown() override { before_ ? require(before_->c_str()) : void(::unsetenv("ESPALIER_REQUIRE")); }
  static void require(const char* names) { ::setenv("ESPALIER_REQUIRE", names, 1); }

  /// What a test would have reported.
  static std::vector<testing::TestPartResult> reports_of(const std::function<void()>& test) {
    testing::TestPartResultArray heard;
    {
      const testing::ScopedFakeTestPartResultReporter listening(&heard);
      test();
    }
    std::vector<testing::TestPartResult> reports;
    for (int i = 0; i < heard.size(); ++i) reports.push_back(heard.GetTestPartResult(i));
    return reports;
  }
  static void without() { ESPALIER_NEEDS("golden", false, "no vectors in " << 7); }
  static void with() { ESPALIER_NEEDS("golden", true, "no vectors"); }

  std::optional<std::string> before_;
};

TEST_F(Needs, WhatIsMissingIsSkippedByName) {
  for (const char* names : {"", "mnist slurm"}) {
    require(names);
    const auto reports = reports_of(without);
    ASSERT_EQ(reports.size(), 1U);
    EXPECT_TRUE(reports[0].skipped());
    EXPECT_NE(std::string(reports[0].message()).find("no vectors in 7"), std::string::npos);
  }
}

TEST_F(Needs, WhatIsRequiredAndMissingIsAFailure) {
  require("mnist  golden");
  const auto reports = reports_of(without);
  ASSERT_EQ(reports.size(), 1U);
  EXPECT_TRUE(reports[0].fatally_failed());
  const std::string message = reports[0].message();
  EXPECT_NE(message.find("no vectors in 7 (ESPALIER_REQUIRE lists \"golden\""), std::string::npos) << message;
}

TEST_F(Needs, WhatIsThereIsNeither) {
  require("golden");
  EXPECT_EQ(reports_of(with).size(), 0U);
}

TEST_F(Needs, AMistypedNameIsRefused) {
  require("goldn");
  EXPECT_THROW(with(), std::invalid_argument);
}

TEST_F(Needs, AnEmptyVariableNamesNoFolder) {
  require("");
  EXPECT_EQ(folder_named_by("ESPALIER_REQUIRE", "other"), "other");
  require("golden");
  EXPECT_EQ(folder_named_by("ESPALIER_REQUIRE", "other"), "golden");
}

}  // namespace
}  // namespace espalier
