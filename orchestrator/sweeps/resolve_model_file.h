#pragma once

#include <stop_token>

#include "experiments/expand/expand_trials.h"
#include "experiments/parse/store_config.h"

namespace espalier {

/// Looks at a model's file through the worker. It is imported as a graph, and its copy stays in the store's folder
/// `networks` under the hash of its content, if `config` says so: it is what ranks read, and what is taken when the
/// original is gone. Without a copy the path leads nowhere. A TorchScript module that cannot be a graph is a black box,
/// known by the hash of the file; so is one that the store has trials of as such, from a version that knew no graphs,
/// so that their keys stay. ModelFile::obstacle says either. Errors: those of worker_program.h and has_model.
FoundModelFile resolve_model_file(const ModelFileRequest& request, const StoreConfig& config,
                                  const std::stop_token& stop = {});

}  // namespace espalier
