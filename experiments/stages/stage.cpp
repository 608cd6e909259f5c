#include "experiments/stages/stage.h"

#include <utility>

#include "base/error.h"

namespace espalier {
namespace {

constexpr std::array<std::pair<StageKind, std::string_view>, 7> kStageKinds{{{StageKind::init, "init"},
                                                                             {StageKind::train, "train"},
                                                                             {StageKind::prune, "prune"},
                                                                             {StageKind::shuffle, "shuffle"},
                                                                             {StageKind::evaluate, "evaluate"},
                                                                             {StageKind::sensitivity, "sensitivity"},
                                                                             {StageKind::noop, "noop"}}};

}  // namespace

std::string_view to_string(StageKind kind) {
  for (const auto& [value, name] : kStageKinds) {
    if (value == kind) return name;
  }
  throw Error(ErrorKind::internal, "a stage has no kind");
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
  for (const auto& [value, name] : kStageKinds) {
    if (name == text) return value;
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
