// Networks that nobody here wrote, as torch's own exporter writes them, beside what torch computes.

#include <algorithm>
#include <fstream>
#include <memory>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/needs.h"
#include "tests/worker/onnx/imported_network.h"
#include "tests/worker/python_files.h"

namespace espalier {
namespace {

namespace fs = std::filesystem;

const std::vector<std::string> kExported{"resnet18@13",           "resnet18/trained@11",  "mobilenet_v3_small@9",
                                         "shufflenet_v2_x0_5@11", "squeezenet1_1/one@16", "encoder@13",
                                         "encoder/one@14"};

std::string file_name(std::string name) {
  std::ranges::replace(name, '/', '_');
  return name;
}

at::Tensor read_saved(const fs::path& file, at::ScalarType type, const std::vector<std::int64_t>& sizes) {
  std::ifstream in(file, std::ios::binary);
  at::Tensor numbers = at::empty(sizes, at::TensorOptions(type));
  in.read(static_cast<char*>(numbers.data_ptr()), static_cast<std::streamsize>(numbers.nbytes()));
  EXPECT_TRUE(in) << file;
  return numbers;
}

class ExportedNetworks : public testing::TestWithParam<std::string> {
 protected:
  static void SetUpTestSuite() {
    files_ = std::make_unique<PythonFiles>("exported", ESPALIER_EXPORT_NETWORKS, kExported);
  }
  static void TearDownTestSuite() { files_.reset(); }

  static inline std::unique_ptr<PythonFiles> files_;
};

TEST_P(ExportedNetworks, compute_what_torch_computes) {
  ESPALIER_NEEDS("torchvision", !files_->lacks_library(),
                 "no torchvision and onnx for /usr/bin/python3; Debian: python3-torchvision python3-onnx");
  ASSERT_EQ(files_->exit_code(), 0) << files_->said();
  const std::string stem = (files_->folder() / file_name(GetParam())).string();
  const OnnxImport import = import_onnx(stem + ".onnx");
  std::vector<std::int64_t> sizes;
  std::ifstream in(stem + ".sizes");
  for (std::int64_t size = 0; in >> size;) sizes.push_back(size);
  const bool tokens = import.graph->value(import.graph->input()).type == ValueType::index;
  const at::Tensor x = read_saved(stem + ".input", tokens ? at::kLong : at::kFloat, sizes);
  const at::NoGradGuard no_grad;
  const at::Tensor computed = network_of(import).forward(x);
  const at::Tensor expected = read_saved(stem + ".output", at::kFloat, computed.sizes().vec());
  EXPECT_LE((computed - expected).abs().max().item<double>(), 1e-5 * expected.abs().max().item<double>())
      << import.graph->text();
  if (GetParam() == "resnet18/trained@11") {
    EXPECT_THAT(import.graph->text(), testing::HasSubstr("bn1 = BatchNorm(conv1, bn1.weight, bn1.bias, "
                                                         "bn1.running_mean, bn1.running_var) epsilon="));
  }
}

INSTANTIATE_TEST_SUITE_P(Some, ExportedNetworks, testing::ValuesIn(kExported), [](const auto& one) {
  std::string name = file_name(one.param);
  std::ranges::replace(name, '@', '_');
  return name;
});

}  // namespace
}  // namespace espalier
