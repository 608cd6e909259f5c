#include "worker/onnx/onnx_names.h"

#include <algorithm>
#include <cctype>

namespace espalier {
namespace {

bool is_number(const std::string& text) {
  return !text.empty() && std::ranges::all_of(text, [](unsigned char letter) { return std::isdigit(letter); });
}

/// "Conv" or "Conv_12".
bool names_operator(const std::string& part, const std::string& op) {
  return part == op || (part.starts_with(op + "_") && is_number(part.substr(op.size() + 1)));
}

}  // namespace

std::string name_of_node(const std::string& name, const std::string& op) {
  std::string result;
  for (std::size_t first = 0; first < name.size();) {
    const std::size_t end = std::min(name.find('/', first), name.size());
    const std::string part = name.substr(first, end - first);
    first = end + 1;
    if (part.empty() || (first >= name.size() && names_operator(part, op))) continue;
    // A module in a list says its list again: "layer1" and "layer1.0".
    const std::size_t last = result.rfind('.');
    const std::string above = last == std::string::npos ? result : result.substr(last + 1);
    if (!result.empty() && part.starts_with(above + ".")) {
      result += part.substr(above.size());
    } else {
      result += (result.empty() ? "" : ".") + part;
    }
  }
  if (!result.empty()) return result;
  std::transform(op.begin(), op.end(), std::back_inserter(result),
                 [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
  return result;
}

bool is_made_up(const std::string& tensor) {
  return tensor.starts_with("onnx::") || is_number(tensor) || tensor.find("Constant") != std::string::npos ||
         tensor.find("const_fold") != std::string::npos ||
         (tensor.starts_with("/") && tensor.find("_output_") != std::string::npos);
}

}  // namespace espalier
