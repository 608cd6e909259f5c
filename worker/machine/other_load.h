#pragma once

#include <chrono>
#include <filesystem>

namespace espalier {

/// How much of the machine other processes use, those of other virtual machines on the same hardware included.
class OtherLoad {
 public:
  /// Begins to measure. `root` is "/" except in tests.
  explicit OtherLoad(std::filesystem::path root = "/");
  /// Cores that others have kept busy since then, on average; 0 where the system does not say.
  double cores() const;

 private:
  struct Seconds {
    double all = 0, own = 0;  ///< of processors
  };
  Seconds used() const;

  std::filesystem::path root_;
  Seconds before_;
  std::chrono::steady_clock::time_point since_;
};

}  // namespace espalier
