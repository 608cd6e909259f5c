// docs/export.md, command by command, on a small sweep.
#include <algorithm>
#include <sstream>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/files.h"
#include "experiments/formats/safetensors.h"
#include "tests/e2e/tiny_store.h"

namespace espalier {
namespace {

class Export : public TinyStore {
 protected:
  void SetUp() override {
    TinyStore::SetUp();
    write("channels.yaml", R"(sweep: channels
dataset: {name: glyphs, train: 600, test: 200}
model: lenet-5
seeds: 1
train: {optimizer: adam, lr: 1.0e-3, batch_size: 50, epochs: 1}
prune: {method: magnitude, granularity: channel, allocation: uniform, sparsity: 0.5}
retrain: {finetune: {epochs: 1}}
controls: []
dense: false
)");
    expect_step({"run channels.yaml --quiet --workers 1", 0, ""});
    const auto rows = nlohmann::json::parse(run_line("results channels --json").out);
    channels_key_ = rows.at(0).at("trial_key").get<std::string>().substr(0, 12);
  }
  std::string channels_key_;
};

TEST_F(Export, ThePageIsTrue) {
  std::string page = read_file(ESPALIER_SOURCE_DIR "/docs/export.md", 1 << 20);
  const std::size_t first = page.find("```sh\n") + 6;
  std::istringstream commands(page.substr(first, page.find("```", first) - first));
  std::string said;
  for (std::string line; std::getline(commands, line);) {
    ASSERT_TRUE(line.starts_with("espalier ")) << line;
    if (const auto at = line.find("KEY"); at != std::string::npos) line.replace(at, 3, channels_key_);
    const ProgramEnd end = run_line(line.substr(9));
    ASSERT_EQ(end.exit_code, 0) << line << "\n" << end.err;
    said += end.out;
  }
  // 20 and 50 channels, and 500 outputs, halved.
  EXPECT_NE(said.find("10 x 1 x 5 x 5"), std::string::npos) << said;
  const std::string bytes = read_file(place("small.safetensors"), 1 << 30);
  const Safetensors small = parse_safetensors(bytes, "small.safetensors");
  const auto kept = nlohmann::json::parse(small.metadata.at("kept"));
  EXPECT_EQ(kept.at("conv2.weight").at(0).size(), 25U);
  EXPECT_EQ(kept.at("conv2.weight").at(1), kept.at("conv1.weight").at(0));
  EXPECT_EQ(kept.at("conv2.weight").at(2).size(), 5U);
  const auto conv2 = std::ranges::find(small.tensors, "conv2.weight", &TensorBytes::name);
  EXPECT_EQ(conv2->shape, (std::vector<std::int64_t>{25, 10, 5, 5}));
  // The numbers are those of the whole network, where the JSON says.
  const std::string whole_bytes = read_file(place("whole.safetensors"), 1 << 30);
  const auto first_of = [](const Safetensors& file, const std::string& name, std::size_t number) {
    for (const TensorBytes& tensor : file.tensors)
      if (tensor.name == name) return std::string(tensor.bytes.substr(number * 4, 100));
    return std::string();
  };
  const Safetensors whole = parse_safetensors(whole_bytes, "whole.safetensors");
  const auto row = kept.at("conv1.weight").at(0).at(3).get<std::size_t>();
  EXPECT_EQ(first_of(small, "conv1.weight", std::size_t{3} * 25), first_of(whole, "conv1.weight", row * 25));
}

TEST_F(Export, TheWholeNetworkHasItsZeros) {
  expect_steps({{"export --trial " + channels_key_ + " --onnx masked.onnx --masked", 0, "wrote masked.onnx"},
                {"models masked.onnx --input 1,28,28", 0, "20 x 1 x 5 x 5"},
                {"export --trial " + channels_key_ + " --onnx masked.onnx", 2, "masked.onnx"},
                {"export --trial " + channels_key_ + " --onnx no/such/folder.onnx", 2, "no/such"},
                {"export --trial " + channels_key_ + " --masked", 2, "--onnx"}});
}

}  // namespace
}  // namespace espalier
