#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace espalier {

struct RunSettings {
  std::filesystem::path store;
  std::filesystem::path data;  ///< "" for the default
  std::optional<int> workers;  ///< ranks of this machine; none: as many as cores; 0: only pools that join by themselves
  std::string host = "127.0.0.1";
  int port = 0;  ///< 0: any free one
  std::string device = "auto";
  int checkpoint_seconds = 10;
  int pool_starts = 0;                    ///< most starts in a row without progress, before giving up; 0: a few
  double start_limit_s = 60;              ///< timeout for a local pool to join; 0: none
  bool allow_network_filesystem = false;  ///< for the store
  double hang_seconds = 120;              ///< 0: nothing counts as a hang
  double grace_seconds = 30;              ///< how long a leaving pool waits for its ranks' steps; 0: no limit
  std::optional<double> memory_gb;        ///< that a rank may use; 0: no limit; none: its share of the machine
};

}  // namespace espalier
