#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "experiments/diagnostics/diagnostic.h"
#include "experiments/spec/sweep_spec.h"
#include "experiments/trials/trial.h"

namespace espalier {

/// Sizes and content of a dataset (resolve_dataset of dataset.h, bound to a folder). Asked once per distinct request;
/// an Error becomes a diagnostic at the sweep's `dataset`.
using DatasetResolver = std::function<DatasetSpec(const DatasetRequest&)>;

struct ModelFileRequest {
  ModelRequest model;  ///< with an absolute path
  std::array<std::int64_t, 3> input{};
  bool keeps_shape = false;  ///< see ModelFile::keeps_shape
  std::int64_t classes = 0;
  auto operator<=>(const ModelFileRequest&) const = default;
};
struct FoundModelFile {
  ModelFile file;
  std::string path;  ///< that ranks read: a black box's, or of an imported network's copy
};
/// What results call it, in ModelSpec::name: "onnx-3fa1c09b77d2".
std::string model_file_name(const std::string& format, const std::string& content);
/// What is inside a file, once it was seen to take examples of this shape and to give one number for each class. Asked
/// once per distinct request; an Error becomes a diagnostic at the sweep's `model`.
using ModelFileResolver = std::function<FoundModelFile(const ModelFileRequest&)>;

struct Expansion {
  std::vector<Trial> trials;  ///< none if there is an error
  std::vector<Diagnostic> diagnostics;
  std::vector<Diagnostic> warnings{};  ///< settings that have no effect, data that measure little
};

/// Every trial of a sweep, in the order of the file: combinations of axes (the last in the file fastest); of each, the
/// dense network before the first that is pruned from it, the method's trials, then its controls; of each, the seeds. A
/// trial that several ask for (the random control of two methods) is there once. At most a million.
Expansion expand_trials(const SweepSpec& spec, const DatasetResolver& resolve, const ModelFileResolver& files = {});

}  // namespace espalier
