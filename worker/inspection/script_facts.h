#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "experiments/stages/stage_spec.h"

namespace espalier {

/// Inspects a TorchScript file, and runs it once, in evaluation mode, on two examples of zeros: multiply-adds are
/// those of the Linear and Conv2d weights that this uses, as often as it does. See ModelFile::keeps_shape. Then has
/// it trained a little (worker/inspection/script_rehearsal.h). Errors: those of ScriptModule and rehearse_script;
/// ErrorKind::invalid_input if the module does not take such examples, or does not give one number for each class.
ModelFile describe_script(const std::filesystem::path& path, const std::array<std::int64_t, 3>& input,
                          std::int64_t classes, bool keeps_shape = false);

/// Writes the module of `path` with the tensors of a safetensors file in the place of its own: all of them, by the
/// names of ScriptTensor; or those that are in `names`, by the names that it gives, and whole numbers stay. Errors:
/// those of ScriptModule; ErrorKind::invalid_input if the tensors are not the module's.
void export_script(const std::filesystem::path& path, const std::filesystem::path& tensors,
                   const std::filesystem::path& to, const std::map<std::string, std::string>& names = {});

}  // namespace espalier
