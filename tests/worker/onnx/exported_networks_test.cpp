// Networks that nobody here wrote, as torch's own exporter writes them, beside what torch computes.

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sys/wait.h>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/needs.h"
#include "tests/worker/onnx/imported_network.h"

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
    folder_ = fs::path(testing::TempDir()) / ("exported_" + std::to_string(::getpid()));
    fs::create_directories(folder_);
    std::string command = "/usr/bin/python3 -W ignore '" ESPALIER_EXPORT_NETWORKS "' '" + folder_.string() + "'";
    for (const std::string& name : kExported) command += " " + name;
    const int status = std::system((command + " > /dev/null 2>&1").c_str());
    exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  static void TearDownTestSuite() { fs::remove_all(folder_); }

  static inline fs::path folder_;
  static inline int exit_code_ = 0;
};

TEST_P(ExportedNetworks, compute_what_torch_computes) {
  constexpr int kMissing = 77;
  ESPALIER_NEEDS("torchvision", exit_code_ != kMissing,
                 "no torchvision and onnx for /usr/bin/python3; Debian: python3-torchvision python3-onnx");
  ASSERT_EQ(exit_code_, 0);
  const std::string stem = (folder_ / file_name(GetParam())).string();
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
