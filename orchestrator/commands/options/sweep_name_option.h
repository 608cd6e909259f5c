#pragma once

#include <string>

namespace CLI {
class App;
}

namespace espalier {

/// SWEEP: a sweep of the store by its label, which `status` shows; it may be left out, and `without` says what that
/// means. `--sweep NAME`, which some commands had before, is the same and not listed.
void add_sweep_name(CLI::App& command, std::string& name, const std::string& without);

/// For commands that read one sweep: `name`, or the store's only one if that is empty.
/// Errors: those of StoreReader; ErrorKind::invalid_input if `name` is empty and the store has none or several.
std::string only_sweep(const std::string& store, const std::string& name);

}  // namespace espalier
