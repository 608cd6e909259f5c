// docs/export.md, command by command, on a small sweep.
#include <algorithm>
#include <sstream>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/files.h"
#include "experiments/formats/safetensors.h"
#include "tests/e2e/document_commands.h"
#include "tests/e2e/tiny_store.h"
#include "tests/needs.h"

namespace espalier {
namespace {

class Export : public TinyStore {
 protected:
  void SetUp() override {
    TinyStore::SetUp();
    channels_key_ = trained("channel");
  }
  /// The first digits of the key of a small network that lost half of its channels or filters.
  std::string trained(const std::string& granularity) {
    write(granularity + ".yaml", "sweep: " + granularity + R"(
dataset: {name: glyphs, train: 600, test: 200}
model: lenet-5
seeds: 1
train: {optimizer: adam, lr: 1.0e-3, batch_size: 50, epochs: 1}
prune: {method: magnitude, allocation: uniform, sparsity: 0.5, granularity: )" +
                                     granularity + R"(}
retrain: {finetune: {epochs: 1}}
controls: []
dense: false
)");
    expect_step({"run " + granularity + ".yaml --quiet --workers 1", 0, ""});
    const auto rows = nlohmann::json::parse(run_line("results " + granularity + " --json").out);
    return rows.at(0).at("trial_key").get<std::string>().substr(0, 12);
  }
  std::string channels_key_;
};

TEST_F(Export, ThePageIsTrue) {
  std::istringstream commands(blocks_in(read_file(ESPALIER_SOURCE_DIR "/docs/export.md", 1 << 20), "sh").at(0));
  std::string said;
  for (std::string line; std::getline(commands, line);) {
    ASSERT_TRUE(line.starts_with("espalier ")) << line;
    if (const auto at = line.find("KEY"); at != std::string::npos) line.replace(at, 3, channels_key_);
    const ProgramEnd end = run_line(line.substr(9));
    ASSERT_EQ(end.exit_code, 0) << line << "\n" << end.err;
    said += end.out;
  }
  // 20 and 50 channels, and 500 outputs, halved: through either door.
  const std::size_t onnx = said.find("10 x 1 x 5 x 5");
  ASSERT_NE(onnx, std::string::npos) << said;
  EXPECT_NE(said.find("10 x 1 x 5 x 5", onnx + 1), std::string::npos) << said;
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
  expect_steps({{"export --trial " + channels_key_ + " --onnx masked.onnx --masked", 0, "wrote masked.onnx"},
                {"models masked.onnx --input 1,28,28", 0, "20 x 1 x 5 x 5"}});
}

TEST_F(Export, ThePythonOfThePageRuns) {
  const char* const python = "/usr/bin/python3";
  ESPALIER_NEEDS("python_torch", Program({python, "-c", "import torch, numpy"}).wait().exit_code == 0,
                 "no torch for " << python << "; Debian: python3-torch");
  std::string program;
  for (const std::string& block : blocks_in(read_file(ESPALIER_SOURCE_DIR "/docs/export.md", 1 << 20), "python"))
    program += block;
  write("page.py", program);
  expect_steps({{"export --trial " + channels_key_ + " --weights whole.safetensors --shrunk small.safetensors", 0, ""},
                {"export --trial " + channels_key_ + " --torchscript whole.pt --masked", 0, ""},
                {"export --trial " + channels_key_ + " --torchscript small.pt", 0, ""}});
  const ProgramEnd end = Program({python, "-W", "ignore", "page.py"}, {{"OMP_NUM_THREADS", "1"}}, folder_).wait(60);
  // 10 * 26 + 25 * 251 + 250 * 401 + 10 * 251, and 20 * 26 + 50 * 501 + 500 * 801 + 10 * 501.
  EXPECT_EQ(end.out, "109295 of 431080 parameters\nTrue\nTrue\n") << end.err;
}

TEST_F(Export, WhatCannotBeWrittenIsSaidBeforeAnythingIs) {
  const std::string command = "export --trial " + channels_key_ + " --weights w.safetensors ";
  write("there.onnx", "another's");
  write("other.safetensors", std::string("\2\0\0\0\0\0\0\0{}", 10));
  expect_steps(
      {{command + "--onnx there.onnx", 2, "there.onnx: is there already; name another file, or give --force"},
       {command + "--onnx no/such/folder.onnx", 2, "no file can be made in the folder"},
       {command + "--torchscript no/such.pt", 2, "no file can be made in the folder"},
       {command + "--masked", 2, "--masked is for --onnx and --torchscript"},
       {command + "--module net.pt", 2, "--torchscript"},
       {command + "--torchscript t.pt --output 1", 2, "--module"},
       {command + "--torchscript t.pt --module net.pt --masked", 2, "excludes"},
       {command + "--torchscript t.pt --module net.pt", 2, "is no TorchScript module"},
       {command + "--like other.safetensors", 2, "other.safetensors: has no tensor that could be conv1.weight"}});
  EXPECT_FALSE(std::filesystem::exists(place("w.safetensors")));
  EXPECT_EQ(bytes_of("there.onnx"), "another's");
}

TEST_F(Export, TensorsAreCalledAsAnotherFileHasThem) {
  const std::string command = "export --trial " + channels_key_;
  expect_step({command + " --weights whole.safetensors", 0, ""});
  const std::string bytes = bytes_of("whole.safetensors");
  Safetensors theirs = parse_safetensors(bytes, "whole.safetensors");
  for (TensorBytes& tensor : theirs.tensors) tensor.name = "features." + tensor.name;
  write("theirs.safetensors", to_safetensors(theirs));
  expect_steps({{command + " --like theirs.safetensors --shrunk s.safetensors --masks m.safetensors", 0, ""},
                {command + " --like theirs.safetensors --torchscript s.pt", 0, ""},
                {"models s.pt --input 1,28,28", 0, "features.conv1"}});
  for (const char* file : {"s.safetensors", "m.safetensors"}) {
    const std::string written = bytes_of(file);
    const Safetensors content = parse_safetensors(written, file);
    for (const TensorBytes& tensor : content.tensors) EXPECT_TRUE(tensor.name.starts_with("features.")) << tensor.name;
    if (content.metadata.contains("kept")) {
      EXPECT_TRUE(nlohmann::json::parse(content.metadata.at("kept")).contains("features.conv1.weight"));
    }
  }
}

TEST_F(Export, FiltersLeaveWithTheirBiases) {
  const std::string key = trained("filter");
  expect_steps(
      {{"export --trial " + key + " --shrunk filters.safetensors --onnx filters.onnx", 0, "wrote filters.onnx"},
       {"models filters.onnx --input 1,28,28", 0, "10 x 1 x 5 x 5"}});
  const std::string bytes = read_file(place("filters.safetensors"), 1 << 30);
  const Safetensors small = parse_safetensors(bytes, "filters.safetensors");
  EXPECT_EQ(nlohmann::json::parse(small.metadata.at("folded")), nlohmann::json({"conv2.bias", "fc1.bias"}));
  EXPECT_EQ(nlohmann::json::parse(small.metadata.at("kept")).at("conv2.weight").at(1).size(), 10U);
}

}  // namespace
}  // namespace espalier
