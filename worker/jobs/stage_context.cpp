#include "worker/jobs/stage_context.h"

#include <filesystem>
#include <string>
#include <utility>

#include "base/error.h"
#include "worker/files/damaged_copy.h"

namespace espalier {

Network StageContext::network(const ModelSpec& model) const {
  ModelDescription description = describe_model(model);
  const auto began = std::filesystem::file_time_type::clock::now();
  const auto make = [&] {
    description.script_path = script_path(model);
    Network network(description, device);
    network.beat_on(callbacks.pulse);
    return network;
  };
  try {
    return make();
  } catch (const Error& error) {
    if (!model.script || settings.supply == nullptr || error.kind() != ErrorKind::invalid_input) throw;
    const FileName file{FileKind::model, model.script->content};
    if (description.script_path != settings.supply->place(file)) throw;
    discard_copy(*settings.supply, file, began);
  }
  return make();
}

std::string StageContext::script_path(const ModelSpec& model) const {
  std::error_code absent;
  if (!model.script || settings.supply == nullptr || std::filesystem::exists(stage.model_path, absent)) {
    return stage.model_path;
  }
  const FileName file{FileKind::model, model.script->content};
  const std::string why = settings.supply->bring(file);
  if (why.empty()) return settings.supply->place(file).string();
  throw Error(ErrorKind::invalid_input, stage.model_path + ": is not here, and could not be fetched: " + why);
}

std::optional<NamedTensors> StageContext::input(InputRole role) const {
  for (const auto& [input_role, key] : stage.inputs) {
    if (input_role != role) continue;
    const auto part = [wanted = role](const NamedTensors& tensors) {
      return wanted == InputRole::masks ? masks_among(tensors) : weights_among(tensors);
    };
    if (const NamedTensors* held = cache.find(key)) return part(*held);
    NamedTensors loaded = from_file(artifacts.read(key).content, device);
    cache.insert(key, loaded);
    return part(loaded);
  }
  return std::nullopt;
}

NamedTensors StageContext::needed_input(InputRole role) const {
  auto tensors = input(role);
  if (!tensors) {
    throw Error(ErrorKind::internal, "a " + std::string(to_string(stage.kind)) + " stage was given no " +
                                         std::string(to_string(role)) + " to start from");
  }
  return std::move(*tensors);
}

void StageContext::leave(NamedTensors tensors, InputRole role, StageOutcome& outcome) const {
  if (writes()) {
    const StoredFile file =
        artifacts.write(stage.key, to_file(tensors, {{"kind", std::string(to_string(role))}}).content);
    outcome.artifact_sha256 = file.sha256;
    outcome.artifact_bytes = file.bytes;
  }
  cache.insert(stage.key, std::move(tensors));
}

}  // namespace espalier
