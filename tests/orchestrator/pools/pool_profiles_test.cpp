#include "orchestrator/pools/pool_profiles.h"

#include <filesystem>
#include <string>
#include <unistd.h>

#include <gmock/gmock.h>

#include "base/error.h"
#include "base/files.h"

namespace espalier {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class PoolProfiles : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(folder_); }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string write(const std::string& name, const std::string& text) const {
    write_file_atomically(folder_ / name, text);
    return (folder_ / name).string();
  }
  static std::string refusal(const std::string& name) {
    try {
      load_pool_profile(name);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::invalid_input);
      return error.what();
    }
    return "it was read";
  }

  const std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("espalier_profiles_" + std::to_string(::getpid()));
};

TEST_F(PoolProfiles, EveryOneThatComesWithEspalierIsFoundByItsNameAndGood) {
  int found = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::string(ESPALIER_SOURCE_DIR) + "/cluster/profiles")) {
    const PoolProfile profile = load_pool_profile(entry.path().stem().string());
    EXPECT_TRUE(profile.scheduler.has_value()) << entry.path();
    ++found;
  }
  EXPECT_GE(found, 4);
  EXPECT_EQ(load_pool_profile("pbs").scheduler, Scheduler::pbs);
}

TEST_F(PoolProfiles, AnotherNameGetsAGuess) {
  EXPECT_THAT(refusal("slurm-gpus"), AllOf(HasSubstr("--profile: "), HasSubstr("did you mean \"slurm-gpu\"?"),
                                           HasSubstr("a file of your own is named by its path")));
}

TEST_F(PoolProfiles, AFileOfOnesOwnIsNamedByItsPath) {
  EXPECT_EQ(load_pool_profile(write("site.yaml", "scheduler: slurm\npartition: short\n")).partition, "short");
  EXPECT_EQ(load_pool_profile(write("no ending", "account: lab\n")).account, "lab");
  EXPECT_THAT(refusal((folder_ / "none.yaml").string()), HasSubstr("none.yaml"));
}

TEST_F(PoolProfiles, EveryProblemIsNamedWithItsPlace) {
  const std::string file = write("bad.yaml", "scheduler: sluurm\npartitoin: short\n");
  EXPECT_THAT(refusal(file),
              AllOf(HasSubstr(file + ":1:"), HasSubstr("sluurm"), HasSubstr(file + ":2:"), HasSubstr("partitoin")));
}

}  // namespace
}  // namespace espalier
