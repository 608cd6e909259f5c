#pragma once

#include <filesystem>
#include <stop_token>

#include "experiments/expand/expand_trials.h"

namespace espalier {

/// Inspects a model's file through the worker. A network of another program is imported, and its copy stays in
/// `networks` under the hash of its content: it is what ranks read, and what is taken when the original is gone. With
/// "" as `networks` there is no copy, and the path leads nowhere. Errors: those of worker_program.h.
FoundModelFile resolve_model_file(const ModelFileRequest& request, const std::filesystem::path& networks,
                                  const std::stop_token& stop = {});

/// A file of any format as a graph, of which no copy stays. Errors: likewise, and for what cannot be one.
ModelFile import_model_file(const ModelFileRequest& request, const std::stop_token& stop = {});

}  // namespace espalier
