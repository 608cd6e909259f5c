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

/// What is inside a TorchScript file, once it was seen to take examples of this shape (see ScriptModel::keeps_shape)
/// and to give one number for each class. Asked once per distinct request; an Error becomes a diagnostic at the sweep's
/// `model`.
using ScriptResolver = std::function<ScriptModel(const std::string& path, const std::array<std::int64_t, 3>& input,
                                                 bool keeps_shape, std::int64_t classes)>;

struct Expansion {
  std::vector<Trial> trials;  ///< none if there is an error
  std::vector<Diagnostic> diagnostics;
  std::vector<Diagnostic> warnings{};  ///< settings that have no effect, data that measure little
};

/// Every trial of a sweep, in the order of the file: combinations of axes (the last in the file fastest); of each, the
/// dense network before the first that is pruned from it, the method's trials, then its controls; of each, the seeds. A
/// trial that several ask for (the random control of two methods) is there once. At most a million.
Expansion expand_trials(const SweepSpec& spec, const DatasetResolver& resolve, const ScriptResolver& scripts = {});

}  // namespace espalier
