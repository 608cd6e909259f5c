// Exports of networks without half of their channels and heads, as other programs compute them: TorchScript and
// safetensors in Python's torch, ONNX in onnxruntime, which node runs.
#include <algorithm>
#include <array>
#include <map>
#include <memory>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"
#include "tests/needs.h"
#include "tests/worker/imports/npm_packages.h"
#include "tests/worker/imports/pruned_half.h"
#include "tests/worker/python_files.h"
#include "worker/imports/network_export.h"
#include "worker/imports/network_import.h"
#include "worker/network/initialization.h"
#include "worker/network/stored_network.h"
#include "worker/pruning/shrunk_network.h"

namespace espalier {
namespace {

namespace fs = std::filesystem;

const std::string kFromTorchvision = "resnet18";
constexpr double kElsewhere = 1e-4;

struct Sample {
  std::string name;
  std::array<std::int64_t, 3> image;
};
const std::vector<Sample> kSamples{
    {"resnet-20", {3, 32, 32}}, {"transformer", {3, 32, 32}}, {kFromTorchvision, {3, 64, 64}}};

class ExportsElsewhere : public testing::TestWithParam<Sample> {
 protected:
  static void SetUpTestSuite() {
    files_ = std::make_unique<PythonFiles>("exports", ESPALIER_TORCHVISION_NETWORK, std::vector{kFromTorchvision});
    std::vector<std::string> python{ESPALIER_EXPORT_PAGE}, onnx;
    for (const Sample& sample : kSamples) {
      if (sample.name == kFromTorchvision && files_->exit_code() != 0) continue;
      write(sample);
      const std::string sizes = ":3x3x" + std::to_string(sample.image[1]) + "x" + std::to_string(sample.image[2]);
      python.push_back(sample.name + sizes);
      onnx.push_back(place(sample.name + ".onnx").string() + sizes);
    }
    python_exit_ = files_->run(ESPALIER_RUN_EXPORTS, python);
    if (!npm_packages().empty()) node_exit_ = run_onnxruntime(onnx, files_->folder(), place("node.log"));
  }
  static void TearDownTestSuite() {
    networks_.clear();
    files_.reset();
  }
  static fs::path place(const std::string& file) { return files_->folder() / file; }

  static Network network_of(const Sample& sample) {
    ModelDescription model;
    if (sample.name != kFromTorchvision) {
      model = describe_model({sample.name, sample.image, 10});
      Network network(model, at::kCPU);
      InitSpec init;
      init.scheme = "kaiming_normal";
      init.stream = "init";
      initialize(network, init, 1);
      return network;
    }
    NetworkImportRequest request;
    request.from = place("resnet18.pt");
    request.format = "torchscript";
    request.input = sample.image;
    request.classes = 1000;
    request.to = place("resnet18.network");
    const ModelFile file = import_network(request);
    Network network(describe_model({sample.name, sample.image, request.classes, file}), at::kCPU);
    network.set_weights(load_network(request.to, file.content).tensors);
    return network;
  }

  /// Its exports, and the examples that Python is given.
  static void write(const Sample& sample) {
    Network network = network_of(sample);
    mask_half(network);
    const auto shrunk = ShrunkNetwork::of(network);
    ASSERT_TRUE(shrunk);
    Network small = shrunk->network();
    small.set_weights(shrunk->gathered(network.weights()));
    const StoredNetwork stored{small.description().graph, small.weights()};
    const std::string stem = place(sample.name).string();
    write_file_atomically(stem + ".safetensors", to_bytes(stored));
    write_file_atomically(stem + ".onnx", proven_export(stored, export_format("onnx")));
    write_file_atomically(stem + ".pt", proven_export(stored, export_format("torchscript")));
    at::manual_seed(7);
    const at::Tensor x = at::rand({3, sample.image[0], sample.image[1], sample.image[2]});
    const std::string numbers(static_cast<const char*>(x.data_ptr()), x.nbytes());
    for (const char* stem_of : {"", "_torchscript", "_safetensors"})
      write_file_atomically(stem + stem_of + ".input", numbers);
    networks_.emplace(sample.name, std::move(network));
  }
  /// From the network under its masks.
  static double difference(const std::string& of, const std::string& file) {
    const at::NoGradGuard no_grad;
    return difference_from_saved(networks_.at(of), place(file).string());
  }

  static inline std::unique_ptr<PythonFiles> files_;
  static inline std::map<std::string, Network> networks_;  ///< by name, the whole ones
  static inline int python_exit_ = 0, node_exit_ = 0;
};

TEST_P(ExportsElsewhere, AreTheSameInPython) {
  const std::string& name = GetParam().name;
  ESPALIER_NEEDS("python_torch", python_exit_ != PythonFiles::kMissing,
                 "no torch for /usr/bin/python3; Debian: python3-torch");
  ESPALIER_NEEDS("torchvision", name != kFromTorchvision || !files_->lacks_library(),
                 "no torchvision and onnx for /usr/bin/python3; Debian: python3-torchvision python3-onnx");
  ASSERT_EQ(python_exit_, 0) << files_->said();
  EXPECT_LE(difference(name, name + "_torchscript"), kElsewhere);
  EXPECT_LE(difference(name, name + "_safetensors"), kElsewhere);
}

TEST_P(ExportsElsewhere, AreTheSameInOnnxruntime) {
  const std::string& name = GetParam().name;
  ESPALIER_NEEDS("npm", !npm_packages().empty(), "no packages from npm in " ESPALIER_NPM_FOLDER);
  ESPALIER_NEEDS("torchvision", name != kFromTorchvision || !files_->lacks_library(),
                 "no torchvision and onnx for /usr/bin/python3; Debian: python3-torchvision python3-onnx");
  ASSERT_EQ(node_exit_, 0) << read_file(place("node.log"), 1 << 20);
  EXPECT_LE(difference(name, name), kElsewhere);
}

INSTANTIATE_TEST_SUITE_P(Shrunk, ExportsElsewhere, testing::ValuesIn(kSamples), [](const auto& one) {
  std::string name = one.param.name;
  std::ranges::replace(name, '-', '_');
  return name;
});

// Its commands and its Python: tests/e2e/export_test.cpp.
TEST(ExportPage, ItsJavaScriptRuns) {
  ESPALIER_NEEDS("npm", !npm_packages().empty(), "no packages from npm in " ESPALIER_NPM_FOLDER);
  const std::string page = read_file(ESPALIER_EXPORT_PAGE, 1 << 20);
  std::string program = page.substr(page.find("```js\n") + 6);
  program.resize(program.find("```"));
  const fs::path folder = fs::path(testing::TempDir()) / ("export_page_" + std::to_string(::getpid()));
  fs::create_directories(folder);
  const Network network(describe_model({"lenet-5", {1, 28, 28}, 10}), at::kCPU);
  write_file_atomically(folder / "small.onnx",
                        proven_export({network.description().graph, network.weights()}, export_format("onnx")));
  const std::size_t file = program.find("small.onnx");
  ASSERT_NE(file, std::string::npos);
  program.replace(file, 10, (folder / "small.onnx").string());
  write_file_atomically(folder / "page.js", program);
  const int exit_code = run_node(folder / "page.js", {}, folder / "log");
  EXPECT_EQ(exit_code, 0);
  EXPECT_EQ(read_file(folder / "log", 1 << 20), "2 x 10\n");
  fs::remove_all(folder);
}

}  // namespace
}  // namespace espalier
