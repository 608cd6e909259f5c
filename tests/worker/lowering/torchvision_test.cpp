// Networks that nobody here wrote: torchvision's, scripted and traced.
#include <algorithm>
#include <memory>

#include <gmock/gmock.h>

#include "tests/needs.h"
#include "tests/worker/lowering/same_outputs.h"
#include "tests/worker/python_files.h"
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
    std::vector<std::string> words{std::to_string(kVisionImage[1])};
    words.insert(words.end(), kVisionNetworks.begin(), kVisionNetworks.end());
    files_ = std::make_unique<PythonFiles>("torchvision", ESPALIER_TORCHVISION_NETWORKS, words);
  }
  static void TearDownTestSuite() { files_.reset(); }

  static inline std::unique_ptr<PythonFiles> files_;
};

TEST_P(Torchvision, ComputesTheSame) {
  ESPALIER_NEEDS("torchvision", !files_->lacks_library(),
                 "no torchvision for /usr/bin/python3; Debian: python3-torchvision");
  ASSERT_EQ(files_->exit_code(), 0) << files_->said();
  const std::filesystem::path file = files_->folder() / (underscored(GetParam()) + ".pt");
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
