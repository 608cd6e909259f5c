#include "worker/jobs/stage_context.h"

#include <filesystem>
#include <string>
#include <utility>

#include "base/error.h"
#include "worker/files/damaged_copy.h"
#include "worker/network/stored_network.h"

namespace espalier {

Network StageContext::network(const ModelSpec& model) const {
  ModelDescription description = describe_model(model);
  const auto began = std::filesystem::file_time_type::clock::now();
  const auto make = [&] {
    description.file_path = file_path(model);
    return model.file && model.file->is_graph ? graph_network(description) : Network(description, device);
  };
  const auto with_pulse = [&](Network network) {
    network.beat_on(callbacks.pulse);
    return network;
  };
  try {
    return with_pulse(make());
  } catch (const Error& error) {
    if (!model.file || settings.supply == nullptr || error.kind() != ErrorKind::invalid_input) throw;
    const FileName file{FileKind::model, model.file->content};
    if (description.file_path != settings.supply->place(file)) throw;
    discard_copy(*settings.supply, file, began);
  }
  return with_pulse(make());
}

Network StageContext::graph_network(ModelDescription description) const {
  const StoredNetwork stored = load_network(description.file_path, description.file->content);
  description.graph = stored.graph;
  Network network(description, device);
  network.set_weights(stored.tensors);
  return network;
}

std::string StageContext::file_path(const ModelSpec& model) const {
  std::error_code absent;
  if (!model.file || settings.supply == nullptr || std::filesystem::exists(stage.model_path, absent)) {
    return stage.model_path;
  }
  const FileName file{FileKind::model, model.file->content};
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
