#include "orchestrator/sweeps/load_store_config.h"

#include <filesystem>
#include <system_error>

#include "base/files.h"
#include "experiments/diagnostics/throw_if_errors.h"
#include "experiments/parse/read_yaml.h"

namespace espalier {

StoreConfig load_store_config(const StorePaths& store) {
  const std::filesystem::path file = store.config();
  std::error_code error;
  if (std::filesystem::symlink_status(file, error).type() == std::filesystem::file_type::not_found) {
    return {{}, store.root, true};
  }
  ParsedStoreConfig parsed = parse_store_config(read_file(file, kLargestSweepFile), file.string());
  throw_if_errors("the store's configuration", parsed.diagnostics);
  parsed.config.store = store.root;
  parsed.config.takes_copies = true;
  return parsed.config;
}

}  // namespace espalier
