#pragma once

#include <memory>

#include "worker/network/network_body.h"

namespace espalier {

/// Runs a TorchScript module: model.file says which, model.file_path where its file is. Its trained tensors become
/// parts of `parameters` (of role weight for Linear and Conv2d weights, other for the rest), with the values they have
/// in the file; all else it keeps is a buffer. Observers see what its layers take and give, no more. Errors: those
/// of ScriptModule; ErrorKind::invalid_input if the file is not the one that the model was described from. Of every
/// pass: those of ScriptModule::forward and require_logits.
std::unique_ptr<NetworkBody> make_script_body(const ModelDescription& model, FlatParameters& parameters);

}  // namespace espalier
