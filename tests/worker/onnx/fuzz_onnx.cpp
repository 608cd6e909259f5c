// Usage: fuzz_onnx COUNT SEED [FIRST]. Hands COUNT damaged ONNX files to the import. Every input is imported or refused
// as a file of the user's; nothing else leaves it, and it takes no more memory than it promises.

#include <cstdio>
#include <string>

#include <ATen/ATen.h>

#include "base/error.h"
#include "tests/fuzz/driver.h"
#include "tests/worker/onnx/onnx_model.h"
#include "worker/onnx/import_onnx.h"

namespace espalier {
namespace {

using Integers = OnnxModel::Integers;

bool read_onnx(std::string_view input) {
  import_onnx_bytes(input, "fuzz.onnx", "/nonexistent");
  return true;
}

std::vector<std::string> small_files() {
  const at::Tensor two = at::ones({2}), filters = at::ones({2, 1, 3, 3}), matrix = at::ones({4, 2});
  return {
      OnnxModel({0, 1, 6, 6})
          .tensor("c.weight", filters)
          .tensor("n.weight", two)
          .tensor("n.mean", two)
          .node("Conv", {"x", "c.weight"}, "c", {{"pads", Integers{1, 1, 0, 1}}, {"strides", Integers{2, 1}}})
          .node("BatchNormalization", {"c", "n.weight", "n.mean", "n.mean", "n.weight"}, "n")
          .node("MaxPool", {"n"}, "p", {{"kernel_shape", Integers{2, 2}}, {"ceil_mode", std::int64_t{1}}})
          .node("GlobalAveragePool", {"p"}, "g")
          .node("Flatten", {"g"}, "y")
          .bytes(),
      OnnxModel({1, 3, 4})
          .tensor("w", matrix)
          .tensor("b.bias", two)
          .node("Shape", {"x"}, "s")
          .tensor("i", Integers{0})
          .tensor("r", Integers{2, -1})
          .node("Gather", {"s", "i"}, "n")
          .node("Concat", {"n", "r"}, "to", {{"axis", std::int64_t{0}}})
          .node("MatMul", {"x", "w"}, "m")
          .node("Add", {"m", "b.bias"}, "a")
          .node("Reshape", {"a", "to"}, "f")
          .node("Softmax", {"f"}, "y")
          .bytes(),
      OnnxModel({0, 4, 6}, 9)
          .node("Slice", {"x"}, "s", {{"starts", Integers{1}}, {"ends", Integers{-1}}, {"axes", Integers{1}}})
          .node("Transpose", {"s"}, "t", {{"perm", Integers{0, 2, 1}}})
          .node("Pad", {"t"}, "p", {{"pads", Integers{0, 1, 0, 0, 0, 1}}, {"mode", "reflect"}})
          .node("Split", {"p"}, std::vector<std::string>{"a", "b"}, {{"axis", std::int64_t{-1}}})
          .node("Clip", {"a"}, "c", {{"min", 0.0}, {"max", 6.0}})
          .node("ReduceMean", {"c"}, "y", {{"axes", Integers{1, 2}}})
          .bytes(),
      OnnxModel({0, 2, 3})
          .tensor("sizes", Integers{2, 3})
          .tensor("tiles", Integers{1, 2, 1})
          .node("ConstantOfShape", {"sizes"}, "z")
          .node("Add", {"x", "z"}, "a")
          .node("Expand", {"a", "sizes"}, "e")
          .node("Tile", {"e", "tiles"}, "t")
          .node("Einsum", {"t", "t"}, "y", {{"equation", "bij,bkj->bik"}})
          .bytes(),
  };
}

FuzzTarget onnx_target() {
  FuzzTarget target;
  target.name = "onnx";
  target.command = "fuzz_onnx";
  target.seeds = small_files();
  target.dictionary = {"Conv",
                       "Gemm",
                       "MatMul",
                       "Reshape",
                       "Shape",
                       "Gather",
                       "Concat",
                       "Slice",
                       "Range",
                       "Where",
                       "Expand",
                       "Tile",
                       "Resize",
                       "Pad",
                       "Split",
                       "Identity",
                       "Cast",
                       "Div",
                       "Mod",
                       "Einsum",
                       "Softmax",
                       "ScatterND",
                       "ConstantOfShape",
                       "AveragePool",
                       "ConvTranspose",
                       "LayerNormalization",
                       "GroupNormalization",
                       "DepthToSpace",
                       "Unsqueeze",
                       "Squeeze",
                       "Transpose",
                       "Dropout",
                       "axis",
                       "axes",
                       "pads",
                       "strides",
                       "dilations",
                       "group",
                       "perm",
                       "value",
                       "equation",
                       "x",
                       "y",
                       "\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
                       "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
                       "\x80\x80\x80\x80\x80\x80\x80\x10",
                       std::string("\x0a\x00", 2),
                       "onnx::",
                       "com.microsoft"};
  for (const std::string& piece :
       {std::string("\x3a\x00", 2), std::string("\x0a\x02\x0a\x00", 4), std::string("\x42\x00", 2)}) {
    std::string bytes;
    while (bytes.size() < (1 << 20)) bytes += piece;
    target.worst.push_back(std::move(bytes));
  }
  target.refusals = {ErrorKind::invalid_input};
  // A tensor may be made of a shape: 2^27 numbers at a time, 2^28 in all.
  target.held_per_byte = 512;
  target.held_besides = std::size_t{6} << 30;
  target.read = read_onnx;
  return target;
}

int run(std::uint64_t count, std::uint64_t seed, std::uint64_t first) {
  const FuzzTarget target = onnx_target();
  for (const std::string& file : target.seeds) read_onnx(file);  // one that is refused would test nothing
  const FuzzSummary summary = fuzz(target, seed, first, count);
  for (const FuzzFinding& finding : summary.findings)
    std::printf("%s\n  again: %s\n", finding.what.c_str(), replay_command(target, seed, finding.number).c_str());
  std::printf(
      "onnx: %llu inputs of seed %llu: %llu accepted, %zu findings; the slowest took %.3f s, the largest %zu MB\n",
      static_cast<unsigned long long>(summary.inputs), static_cast<unsigned long long>(seed),
      static_cast<unsigned long long>(summary.accepted), summary.findings.size(), summary.slowest_seconds,
      summary.most_held >> 20);
  return summary.findings.empty() && (count == 1 || summary.accepted > 0) ? 0 : 1;
}

}  // namespace
}  // namespace espalier

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  return espalier::run(std::stoull(argv[1]), std::stoull(argv[2]), argc > 3 ? std::stoull(argv[3]) : 0);
}
