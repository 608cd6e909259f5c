#pragma once

#include <cstdint>
#include <deque>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include <ATen/core/Tensor.h>

#include "experiments/datasets/dataset.h"
#include "worker/data/augmentation.h"
#include "worker/files/file_supply.h"

namespace espalier {

/// Examples of one split as they were stored: uint8 pixels or float32 values [N, C, H, W], or int32 tokens [N, T];
/// labels int64 [N], on the device.
struct ResidentSplit {
  at::Tensor examples;
  at::Tensor labels;
  std::int64_t count() const { return labels.size(0); }
};

/// A batch that a network takes: float32 [n, C, H, W], or int64 tokens [n, T]; labels int64 [n].
struct Batch {
  at::Tensor inputs;
  at::Tensor labels;
};

/// A dataset on the device for as long as it is used. Pixels stay bytes (a quarter of the memory, and of the traffic of
/// gathering a batch); a batch is made float on the way out: scaled to [0, 1] and no further, as the papers on MNIST do
/// (Frankle & Carbin 2019), or normalised by channel where the dataset says so (PixelScale). Values stay as they are.
class ResidentDataset {
 public:
  /// Errors: ErrorKind::corrupt if the counts or sizes are not those of the spec.
  ResidentDataset(const Dataset& dataset, const DatasetSpec& spec, c10::Device device);

  const ResidentSplit& train() const { return train_; }
  const ResidentSplit& validation() const { return validation_; }
  const ResidentSplit& test() const { return test_; }

  /// The examples at `indices` (int64 [n], on the device).
  Batch gather(const ResidentSplit& split, const at::Tensor& indices) const;
  /// The same, each example under its crop; `crops` has one for each index.
  Batch gather(const ResidentSplit& split, const at::Tensor& indices, std::span<const CropFlip> crops) const;
  /// `count` consecutive examples.
  Batch slice(const ResidentSplit& split, std::int64_t first, std::int64_t count) const;

 private:
  /// What a network sees of stored examples [n, C, H, W]. Never shares their memory.
  at::Tensor seen(const at::Tensor& examples) const;

  ResidentSplit train_, validation_, test_;
  at::Tensor mean_, deviation_;  // float32 [C, 1, 1] on the device, or undefined
  at::Tensor table_;             // float32 [C, 256], on the CPU: what a network sees of each value of a pixel
};

/// gather_crops with tensor operations, for accelerators: `images` float32 [n, C, H, W] as a network sees them, one
/// crop each.
at::Tensor crop_and_flip(const at::Tensor& images, std::span<const CropFlip> crops);

/// Keeps the datasets of the last jobs in memory.
class DatasetCache {
 public:
  /// `supply` may be null.
  DatasetCache(DataFolder folder, c10::Device device, FileSupply* supply)
      : folder_(std::move(folder)), device_(device), supply_(supply) {}
  /// Loads it unless it is there. Valid until two other datasets were asked for.
  /// Errors: those of load_or_fetch_dataset.
  const ResidentDataset& get(const DatasetSpec& spec, const std::string& path);

 private:
  struct Entry {
    DatasetSpec spec;
    std::string path;
    std::unique_ptr<ResidentDataset> dataset;
  };
  DataFolder folder_;
  c10::Device device_;
  FileSupply* supply_;
  std::deque<Entry> entries_;  // the last used one first
};

}  // namespace espalier
