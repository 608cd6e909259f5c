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
  int pool_starts = 0;                    ///< in a row that get nothing done, before giving up; 0: a few
  double start_limit_s = 60;              ///< a local pool that has not joined by then hangs; 0: never
  bool allow_network_filesystem = false;  ///< for the store
  double hang_seconds = 120;              ///< 0: nothing counts as a hang
  double grace_seconds = 30;        ///< a pool that leaves waits so long for its ranks' steps; 0: as long as they take
  std::optional<double> memory_gb;  ///< that a rank may fill; 0: no limit; none: its share of the machine
};

}  // namespace espalier
