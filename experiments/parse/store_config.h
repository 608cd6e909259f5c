#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/diagnostics/diagnostic.h"
#include "experiments/spec/failure_keys.h"

namespace espalier {

/// What a store's own config.yaml says to every sweep that is run on it. docs/running.md describes its keys.
struct StoreConfig {
  FailureKeys on_failure;            ///< where the sweep says nothing
  std::filesystem::path store = {};  ///< its folder; "": there is none
  bool takes_copies = false;         ///< of the networks that its sweeps import
};

struct ParsedStoreConfig {
  StoreConfig config;
  std::vector<Diagnostic> diagnostics;  ///< every problem, in the order it was met; with one, the config is no good
};

/// Reads the text of a config.yaml; an empty one says nothing. `file` is its name for messages. Pure; never throws for
/// a bad text.
ParsedStoreConfig parse_store_config(std::string_view text, const std::string& file);

}  // namespace espalier
