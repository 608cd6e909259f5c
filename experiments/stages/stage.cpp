#include "experiments/stages/stage.h"

#include <array>

#include "base/error.h"
#include "experiments/catalog/properties.h"

namespace espalier {
namespace {

struct KindOfStage {
  std::string_view name;
  StageProperty properties;
};

constexpr std::array<KindOfStage, kStageKinds> stage_kinds() {
  using enum StageProperty;
  return {{
#define ESPALIER_STAGE_KIND(name, spec, properties) {#name, properties},
#include "experiments/stages/stage_kinds.def"
#undef ESPALIER_STAGE_KIND
  }};
}

const KindOfStage& kind_of_stage(StageKind kind) {
  static constexpr std::array<KindOfStage, kStageKinds> kKinds = stage_kinds();
  return kKinds.at(static_cast<std::size_t>(kind));
}

}  // namespace

bool has(StageKind kind, StageProperty property) {
  return has(kind_of_stage(kind).properties, property);
}

std::string_view to_string(StageKind kind) {
  return kind_of_stage(kind).name;
}

std::string_view to_string(InputRole role) {
  switch (role) {
    case InputRole::weights:
      return "weights";
    case InputRole::masks:
      return "masks";
    case InputRole::sensitivity:
      break;
  }
  return "sensitivity";
}

StageKind parse_stage_kind(std::string_view text) {
  for (int kind = 0; kind < kStageKinds; ++kind) {
    if (to_string(static_cast<StageKind>(kind)) == text) return static_cast<StageKind>(kind);
  }
  throw Error(ErrorKind::invalid_input, "no kind of stage is called \"" + std::string(text.substr(0, 80)) + "\"");
}

InputRole parse_input_role(std::string_view text) {
  if (text == "weights") return InputRole::weights;
  if (text == "masks") return InputRole::masks;
  if (text == "sensitivity") return InputRole::sensitivity;
  throw Error(ErrorKind::invalid_input, "no role of an input is called \"" + std::string(text.substr(0, 80)) + "\"");
}

}  // namespace espalier
