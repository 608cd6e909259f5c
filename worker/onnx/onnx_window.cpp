#include "worker/onnx/onnx_window.h"

#include <algorithm>

namespace espalier {
namespace {

constexpr std::int64_t kLargestWindow = std::int64_t{1} << 20;

std::vector<std::int64_t> window_numbers(const OnnxNode& node, const std::string& name, std::size_t count,
                                         std::int64_t otherwise) {
  std::vector<std::int64_t> numbers = node.attributes().integers(name);
  if (numbers.empty()) numbers.assign(count, otherwise);
  if (numbers.size() != count) node.refuse("has " + name + " of other dimensions than its input");
  for (const std::int64_t number : numbers) {
    if (number < 0 || number > kLargestWindow) node.refuse("has " + std::to_string(number) + " among its " + name);
  }
  return numbers;
}

}  // namespace

OnnxWindow window_of(const OnnxNode& node, const std::vector<std::int64_t>& kernel, const Dims& dims) {
  const std::size_t count = dims.size() < 2 ? 0 : dims.size() - 2;
  if (count < 1 || count > 3) node.refuse("takes " + to_string(dims) + ", which has no window");
  OnnxWindow window;
  window.kernel = kernel.empty() ? window_numbers(node, "kernel_shape", count, 0) : kernel;
  if (window.kernel.size() != count) node.refuse("has a window of other dimensions than its input");
  for (const std::int64_t size : window.kernel) {
    if (size < 1 || size > kLargestWindow) node.refuse("has a window of " + std::to_string(size));
  }
  window.strides = window_numbers(node, "strides", count, 1);
  window.dilations = window_numbers(node, "dilations", count, 1);
  for (std::size_t i = 0; i < count; ++i) {
    if (window.strides[i] < 1 || window.dilations[i] < 1) node.refuse("has a window that does not move");
  }
  const std::vector<std::int64_t> pads = window_numbers(node, "pads", 2 * count, 0);
  window.before.assign(pads.begin(), pads.begin() + static_cast<std::ptrdiff_t>(count));
  window.after.assign(pads.begin() + static_cast<std::ptrdiff_t>(count), pads.end());
  const std::string automatic = node.attributes().word("auto_pad", "NOTSET");
  for (std::size_t i = 0; i < count && automatic != "NOTSET"; ++i) {
    const std::int64_t side = dims[i + 2].size, stride = window.strides[i];
    const std::int64_t extent = window.dilations[i] * (window.kernel[i] - 1) + 1;
    const std::int64_t all = std::max<std::int64_t>(((side + stride - 1) / stride - 1) * stride + extent - side, 0);
    const std::int64_t less = automatic == "VALID" ? 0 : all / 2, more = automatic == "VALID" ? 0 : all - less;
    window.before[i] = automatic == "SAME_LOWER" ? more : less;
    window.after[i] = automatic == "SAME_LOWER" ? less : more;
  }
  return window;
}

ValueIndex padded(OnnxNode& node, ValueIndex x, OnnxWindow& window, double value) {
  std::vector<std::int64_t> before{0, 0}, after{0, 0};
  before.insert(before.end(), window.before.begin(), window.before.end());
  after.insert(after.end(), window.after.begin(), window.after.end());
  window.before.assign(window.before.size(), 0);
  window.after = window.before;
  return node.add_beside("Pad", {x}, {{"before", before}, {"after", after}, {"value", value}});
}

}  // namespace espalier
