#pragma once

#include <cstdint>
#include <vector>

#include "worker/onnx/onnx_node.h"

namespace espalier {

/// Attributes of a window that moves over the dimensions after the channels, one number a dimension.
struct OnnxWindow {
  std::vector<std::int64_t> kernel, strides, dilations, before, after;
  bool same_on_both_sides() const { return before == after; }
};

/// From kernel_shape or, if that is left out, `kernel`; auto_pad is resolved for an input of these dims. Errors:
/// OnnxNode::refuse.
OnnxWindow window_of(const OnnxNode& node, const std::vector<std::int64_t>& kernel, const Dims& dims);

/// The input with the padding of a window that is not the same on both sides; `window` then has none.
ValueIndex padded(OnnxNode& node, ValueIndex x, OnnxWindow& window, double value);

}  // namespace espalier
