#include "experiments/parse/model_key.h"

#include "experiments/catalog/catalog.h"
#include "experiments/parse/map_reader.h"
#include "experiments/parse/scalars.h"

namespace espalier {
namespace {

/// A family's name may be followed by sizes, which describe_model reads.
std::optional<std::string> parse_model_name(const YamlValue& value, Problems& problems) {
  for (const ModelEntry& family : list_models()) {
    if (value.kind == YamlValue::Kind::scalar && !family.sizes.empty() &&
        value.text.starts_with(std::string(family.name) + "-"))
      return value.text;
  }
  return parse_name(value, catalog_names(list_models()), problems);
}

}  // namespace

std::optional<ModelRequest> parse_model(const YamlValue& value, Problems& problems) {
  if (value.kind != YamlValue::Kind::map) {
    const auto name = parse_model_name(value, problems);
    return name ? std::optional(ModelRequest{*name}) : std::nullopt;
  }
  MapReader map(value, problems);
  const YamlValue* onnx = map.find(kOnnx);
  const YamlValue* script =
      onnx == nullptr ? map.require(kTorchScript, "the model's file, as in {torchscript: net.pt} or {onnx: net.onnx}")
                      : map.find(kTorchScript);
  const YamlValue* output = map.find("output");
  map.finish();
  if (onnx != nullptr && script != nullptr) problems.add(script->place, "is a second file; name one");
  const YamlValue* file = onnx != nullptr ? onnx : script;
  const auto path = file != nullptr ? parse_text(*file, problems) : std::nullopt;
  const auto chosen = output != nullptr ? parse_text(*output, problems) : std::optional<std::string>("");
  if (!path || !chosen) return std::nullopt;
  return ModelRequest{"", *path, onnx != nullptr ? kOnnx : kTorchScript, *chosen};
}

std::string model_label(const ModelRequest& request) {
  return request.name;
}

}  // namespace espalier
