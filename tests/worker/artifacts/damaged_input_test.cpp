#include "base/files.h"
#include "tests/worker/jobs/job_test.h"

namespace espalier {
namespace {

/// A stage whose input's artifact is no longer what it was.
class DamagedInputTest : public JobTest {
 protected:
  DamagedInputTest() { done({init("init")}); }

  Failure failure_of_training() {
    const Run result = run({train("end", train_spec(5), "init")});
    EXPECT_EQ(result.end, JobEnd::failed);
    if (result.outcomes.empty() || !result.outcomes.back().failure) return {ErrorKind::internal, "nothing failed"};
    return *result.outcomes.back().failure;
  }
  void expect_set_aside_and_made_again(const Failure& failure, bool evidence) {
    EXPECT_EQ(failure.kind, ErrorKind::corrupt);
    EXPECT_EQ(failure.cause, LossCause::damaged_input);
    EXPECT_EQ(failure.damaged, std::vector<StageKey>{key("init")});
    EXPECT_NE(failure.message.find(artifact("init").string()), std::string::npos) << failure.message;
    EXPECT_FALSE(std::filesystem::exists(artifact("init")));
    EXPECT_EQ(std::filesystem::exists(artifact("init").string() + ".damaged"), evidence);
    done({init("init"), train("end", train_spec(5), "init")});
  }
};

TEST_F(DamagedInputTest, AFlippedByte) {
  std::string bytes = read_file(artifact("init"), 1 << 30);
  bytes[bytes.size() - 100] = static_cast<char>(bytes[bytes.size() - 100] ^ 1);
  write_file_atomically(artifact("init"), bytes);
  expect_set_aside_and_made_again(failure_of_training(), true);
}

TEST_F(DamagedInputTest, ATruncatedFile) {
  std::filesystem::resize_file(artifact("init"), std::filesystem::file_size(artifact("init")) / 2);
  expect_set_aside_and_made_again(failure_of_training(), true);
}

TEST_F(DamagedInputTest, AnEmptyFile) {
  std::filesystem::resize_file(artifact("init"), 0);
  expect_set_aside_and_made_again(failure_of_training(), true);
}

TEST_F(DamagedInputTest, ADeletedFile) {
  std::filesystem::remove(artifact("init"));
  expect_set_aside_and_made_again(failure_of_training(), false);
}

TEST_F(DamagedInputTest, AnotherStagesFile) {
  done({init("other", "other_stream")});
  std::filesystem::copy_file(artifact("other"), artifact("init"), std::filesystem::copy_options::overwrite_existing);
  expect_set_aside_and_made_again(failure_of_training(), true);
}

}  // namespace
}  // namespace espalier
