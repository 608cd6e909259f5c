#include "worker/onnx/translations.h"

namespace espalier {

OnnxTranslation find_onnx_translation(std::string_view domain, std::string_view op) {
  if (!domain.empty() && domain != "ai.onnx" && domain != "com.microsoft") return nullptr;
  for (const OnnxTranslations* table :
       {&onnx_layer_translations(), &onnx_norm_translations(), &onnx_function_translations(),
        &onnx_window_translations(), &onnx_reduction_translations(), &onnx_shape_translations(),
        &onnx_choice_translations(), &onnx_product_translations()}) {
    const auto found = table->find(op);
    if (found != table->end()) return found->second;
  }
  return nullptr;
}

}  // namespace espalier
