#pragma once

#include "worker/onnx/onnx_node.h"

namespace espalier {

/// What a Reshape makes of dims, with the batch's marked. Sizes that the file takes from a shape say themselves whether
/// they count examples; in a file made for so many examples, the size that holds them is found by where it stands.
/// Errors: OnnxNode::refuse.
Dims reshaped_dims(const OnnxNode& node, const Dims& from);

/// Whether the examples begin a run of dimensions in both, so that Reshape can do it; else they would come to lie
/// inside a dimension.
bool same_order(const Dims& from, const Dims& to);

/// Of such dims those with the examples' dimension cut, so that Reshape can do it: [5, N, 8] for [5 N, 8], of
/// [5, 2 N, 4]. Errors: OnnxNode::refuse if there are none.
Dims apart(const OnnxNode& node, const Dims& from, const Dims& to);

}  // namespace espalier
