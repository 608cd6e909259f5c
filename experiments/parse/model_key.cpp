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
    return name ? std::optional(ModelRequest{*name, ""}) : std::nullopt;
  }
  MapReader map(value, problems);
  const YamlValue* file = map.require("torchscript", "the module's file, as in {torchscript: net.pt}");
  map.finish();
  const auto path = file != nullptr ? parse_text(*file, problems) : std::nullopt;
  if (!path) return std::nullopt;
  return ModelRequest{"", *path};
}

std::string model_label(const ModelRequest& request) {
  return request.name;
}

}  // namespace espalier
