// onnx_outputs [--text] FILE.onnx ...: imports each file, and prints how far its outputs are from those saved
// beside it: FILE.input and FILE.output, float32, and if the file leaves sizes free FILE.sizes, those of the input.

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "worker/network/network.h"
#include "worker/onnx/import_onnx.h"

namespace {

at::Tensor read_numbers(const std::string& file) {
  std::ifstream in(file, std::ios::binary | std::ios::ate);
  at::Tensor numbers = at::empty({static_cast<std::int64_t>(in.tellg()) / 4});
  in.seekg(0);
  in.read(static_cast<char*>(numbers.data_ptr()), static_cast<std::streamsize>(numbers.nbytes()));
  return numbers;
}

}  // namespace

int main(int count, char** words) {
  using namespace espalier;
  const auto now = [] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
  };
  bool all = true;
  for (int i = 1; i < count; ++i) {
    const std::string name = words[i], stem = name.substr(0, name.rfind('.'));
    if (name == "--text") continue;
    try {
      const at::NoGradGuard no_grad;
      const double start = now();
      // Where the file leaves sizes free, they are those of the saved input.
      std::vector<std::int64_t> sizes;
      std::ifstream saved(stem + ".sizes");
      for (std::int64_t size = 0; saved >> size;) sizes.push_back(size);
      if (!sizes.empty()) sizes.erase(sizes.begin());
      const OnnxImport import = import_onnx(name, "", sizes);
      const double imported = now();
      if (std::string(words[1]) == "--text") std::fputs(import.graph->text().c_str(), stdout);
      ModelDescription model;
      model.name = "onnx";
      model.graph = import.graph;
      Network network(model, at::kCPU);
      network.set_weights(import.tensors);
      Dims dims = import.graph->value(import.graph->input()).dims;
      sizes = sizes_of(dims);
      sizes[0] = -1;
      const at::Tensor input = read_numbers(stem + ".input").reshape(sizes), expected = read_numbers(stem + ".output");
      const at::Tensor output = network.forward(input).reshape({-1});
      const double difference =
          (output - expected).abs().max().item<double>() / std::max(expected.abs().max().item<double>(), 1e-12);
      std::printf("%s | %s | %.1e | %zu nodes | %.2f s import | %.2f s\n",
                  std::filesystem::path(stem).filename().c_str(), difference < 1e-5 ? "equal" : "DIFFERS", difference,
                  import.graph->nodes().size(), imported - start, now() - start);
      for (const std::string& remark : import.remarks) std::printf("  %s\n", remark.c_str());
      all = all && difference < 1e-5;
    } catch (const std::exception& error) {
      std::printf("%s | FAILS | %s\n", std::filesystem::path(stem).filename().c_str(), error.what());
      all = false;
    }
    std::fflush(stdout);
  }
  return all ? 0 : 1;
}
