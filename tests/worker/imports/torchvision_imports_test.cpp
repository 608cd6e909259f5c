// Networks that nobody here wrote, through both doors: what they give, and what they give without half of their
// channels.

#include <memory>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/needs.h"
#include "tests/worker/imports/pruned_half.h"
#include "tests/worker/python_files.h"
#include "worker/imports/network_import.h"
#include "worker/network/stored_network.h"

namespace espalier {
namespace {

// All of them: tests/compat/torchvision.
const std::vector<std::string> kSmallOnes{"squeezenet1_1", "shufflenet_v2_x0_5", "mobilenet_v3_small", "googlenet",
                                          "swin_t"};

class TorchvisionImports : public testing::TestWithParam<std::tuple<std::string, const char*>> {
 protected:
  static void SetUpTestSuite() {
    files_ = std::make_unique<PythonFiles>("torchvision_imports", ESPALIER_TORCHVISION_NETWORK, kSmallOnes);
  }
  static void TearDownTestSuite() { files_.reset(); }

  static inline std::unique_ptr<PythonFiles> files_;
};

TEST_P(TorchvisionImports, GiveTheSameAndLoseChannelsAsMasksSay) {
  ESPALIER_NEEDS("torchvision", !files_->lacks_library(),
                 "no torchvision and onnx for /usr/bin/python3; Debian: python3-torchvision python3-onnx");
  ASSERT_EQ(files_->exit_code(), 0) << files_->said();
  const auto& [name, format] = GetParam();
  const std::string stem = (files_->folder() / name).string();
  NetworkImportRequest request;
  request.format = format;
  request.from = stem + (request.format == "onnx" ? ".onnx" : ".pt");
  request.input = {3, 64, 64};
  request.classes = 1000;
  request.to = request.from.string() + ".network";
  const ModelFile file = import_network(request);
  const StoredNetwork stored = load_network(request.to, file.content);
  Network network(describe_model({name, request.input, request.classes, file}), at::kCPU);
  network.set_weights(stored.tensors);
  EXPECT_LE(difference_from_saved(network, stem), 1e-5);
  const std::vector<KeptUnits> units = prune_half(network);
  EXPECT_GT(units.size(), 5u);
  EXPECT_LE(removal_difference(network, units), 1e-6);
}

INSTANTIATE_TEST_SUITE_P(Small, TorchvisionImports,
                         testing::Combine(testing::ValuesIn(kSmallOnes), testing::Values("onnx", "torchscript")),
                         [](const auto& one) { return std::get<0>(one.param) + "_" + std::get<1>(one.param); });

}  // namespace
}  // namespace espalier
