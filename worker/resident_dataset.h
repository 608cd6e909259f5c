#pragma once

#include <cstdint>
#include <deque>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include <ATen/core/Tensor.h>

#include "experiments/dataset.h"

namespace espalier {

/// Images of one split as they were stored: pixels uint8 [N, C, H, W], labels int64 [N], on the device.
struct ResidentSplit {
  at::Tensor pixels;
  at::Tensor labels;
  std::int64_t count() const { return labels.size(0); }
};

/// A batch that a network takes: images float32 [n, C, H, W], labels int64 [n].
struct Batch {
  at::Tensor images;
  at::Tensor labels;
};

/// A dataset on the device for as long as it is used. Pixels stay bytes (a quarter of the memory, and of the traffic of
/// gathering a batch); a batch is made float on the way out, scaled to [0, 1] and no further, as the papers on these
/// datasets do (Frankle & Carbin 2019 on MNIST).
class ResidentDataset {
 public:
  /// Errors: ErrorKind::corrupt if the counts or sizes are not those of the spec.
  ResidentDataset(const ImageDataset& images, const DatasetSpec& spec, c10::Device device);

  const ResidentSplit& train() const { return train_; }
  const ResidentSplit& validation() const { return validation_; }
  const ResidentSplit& test() const { return test_; }

  /// The examples at `indices` (int64 [n], on the device).
  Batch gather(const ResidentSplit& split, const at::Tensor& indices) const;
  /// `count` consecutive examples.
  Batch slice(const ResidentSplit& split, std::int64_t first, std::int64_t count) const;

 private:
  ResidentSplit train_, validation_, test_;
};

/// Keeps the datasets of the last jobs in memory.
class DatasetCache {
 public:
  DatasetCache(DataFolder folder, c10::Device device) : folder_(std::move(folder)), device_(device) {}
  /// Loads it unless it is there. Valid until two other datasets were asked for.
  /// Errors: those of load_dataset.
  const ResidentDataset& get(const DatasetSpec& spec, const std::string& path);

 private:
  struct Entry {
    DatasetSpec spec;
    std::string path;
    std::unique_ptr<ResidentDataset> dataset;
  };
  DataFolder folder_;
  c10::Device device_;
  std::deque<Entry> entries_;  // the last used one first
};

}  // namespace espalier
