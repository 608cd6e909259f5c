// Networks that nobody here wrote: torchvision's, scripted and traced.
#include <algorithm>
#include <cstdlib>
#include <sys/wait.h>
#include <unistd.h>

#include <gmock/gmock.h>

#include "tests/needs.h"
#include "tests/worker/lowering/same_outputs.h"
#include "worker/lowering/lower_script.h"

namespace espalier {
namespace {

constexpr std::int64_t kVisionClasses = 10;
const std::vector<std::int64_t> kVisionImage{3, 64, 64};
const std::vector<std::string> kVisionNetworks{"resnet18",           "resnet18/traced", "shufflenet_v2_x0_5",
                                               "mobilenet_v3_small", "googlenet",       "swin_t"};

std::string underscored(std::string name) {
  std::ranges::replace(name, '/', '_');
  return name;
}

class Torchvision : public testing::TestWithParam<std::string> {
 protected:
  static void SetUpTestSuite() {
    folder_ = std::filesystem::path(testing::TempDir()) / ("torchvision_" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder_);
    std::string command = "OMP_NUM_THREADS=1 /usr/bin/python3 -W ignore '" ESPALIER_TORCHVISION_NETWORKS "' '" +
                          folder_.string() + "' " + std::to_string(kVisionImage[1]);
    for (const std::string& name : kVisionNetworks) command += " " + name;
    const int status = std::system((command + " > /dev/null").c_str());
    exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  static void TearDownTestSuite() { std::filesystem::remove_all(folder_); }

  static inline std::filesystem::path folder_;
  static inline int exit_code_ = 0;
};

TEST_P(Torchvision, ComputesTheSame) {
  constexpr int kMissing = 77;
  ESPALIER_NEEDS("torchvision", exit_code_ != kMissing,
                 "no torchvision for /usr/bin/python3; Debian: python3-torchvision");
  ASSERT_EQ(exit_code_, 0);
  const std::filesystem::path file = folder_ / (underscored(GetParam()) + ".pt");
  const LoweredModule module = lower_script(file, kVisionImage, kVisionClasses);
  const OutputDifference difference = output_difference(file, module, kVisionImage, kVisionClasses);
  EXPECT_LE(difference.evaluation, 1e-5);
  if (GetParam().ends_with("/traced")) {
    // A traced module does not know of training.
    EXPECT_THAT(module.remarks, testing::Contains(testing::HasSubstr("stay in evaluation mode when it is trained")));
  } else {
    EXPECT_EQ(difference.training_trouble, "");
    EXPECT_LE(difference.training, 1e-5);
  }
}

INSTANTIATE_TEST_SUITE_P(Some, Torchvision, testing::ValuesIn(kVisionNetworks),
                         [](const testing::TestParamInfo<std::string>& network) { return underscored(network.param); });

}  // namespace
}  // namespace espalier
