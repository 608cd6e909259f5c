#pragma once

#include <filesystem>
#include <string>
#include <unistd.h>

#include "experiments/paths/store_paths.h"

namespace espalier {

/// An empty folder for as long as a test lasts.
class StoreFolder {
 public:
  StoreFolder()
      : paths_{std::filesystem::temp_directory_path() /
               ("espalier_" + std::to_string(::getpid()) + "_" + std::to_string(count_++))} {
    std::filesystem::remove_all(paths_.root);
    std::filesystem::create_directories(paths_.root);
  }
  ~StoreFolder() { std::filesystem::remove_all(paths_.root); }
  StoreFolder(const StoreFolder&) = delete;
  StoreFolder& operator=(const StoreFolder&) = delete;

  const StorePaths& paths() const { return paths_; }
  std::filesystem::path operator/(const std::string& name) const { return paths_.root / name; }

 private:
  static inline int count_ = 0;
  StorePaths paths_;
};

}  // namespace espalier
