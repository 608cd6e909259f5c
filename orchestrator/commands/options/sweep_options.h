#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace espalier {

/// What every command that reads a sweep file takes.
struct SweepOptions {
  std::string file;
  std::vector<std::string> overrides;
  std::string data;
};

void add_sweep_options(CLI::App& command, SweepOptions& options);

}  // namespace espalier
