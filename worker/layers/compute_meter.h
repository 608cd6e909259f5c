#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace espalier {

/// Multiply-adds of prunable layers, biases not counted.
struct Compute {
  std::int64_t done = 0;  ///< by the kernels in use
  double kept = 0;        ///< of those with weights that masks keep: what a kernel without zeros would do
};

/// Counts what forward passes compute: carried by a Pass, beside its observer. One thread.
class ComputeMeter {
 public:
  void add(const std::string& layer, const Compute& compute) {
    for (Compute* sum : {&total_, &layers_[layer]}) {
      sum->done += compute.done;
      sum->kept += compute.kept;
    }
  }
  const Compute& total() const { return total_; }
  const std::map<std::string, Compute>& layers() const { return layers_; }

 private:
  Compute total_;
  std::map<std::string, Compute> layers_;
};

}  // namespace espalier
