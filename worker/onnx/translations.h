#pragma once

#include <map>
#include <string_view>

#include "worker/onnx/onnx_node.h"

namespace espalier {

/// Says a node of an ONNX file in operators of the graph. Errors: ErrorKind::invalid_input for what stands in the way.
using OnnxTranslation = void (*)(OnnxNode& node);
using OnnxTranslations = std::map<std::string_view, OnnxTranslation>;

/// By the names of ONNX's operators. An operator is a function, and a line in its file's table.
const OnnxTranslations& onnx_layer_translations();  ///< with trained weights
const OnnxTranslations& onnx_norm_translations();
const OnnxTranslations& onnx_function_translations();   ///< element by element
const OnnxTranslations& onnx_window_translations();     ///< poolings, interpolation
const OnnxTranslations& onnx_reduction_translations();  ///< over whole dimensions, softmax
const OnnxTranslations& onnx_shape_translations();      ///< that move numbers
const OnnxTranslations& onnx_choice_translations();     ///< that take some of the numbers, or repeat them

const OnnxTranslations& onnx_product_translations();  ///< of computed values

/// Of any of them; null for an operator that is not understood.
OnnxTranslation find_onnx_translation(std::string_view domain, std::string_view op);

}  // namespace espalier
