#include "worker/data/resident_dataset.h"

#include <algorithm>
#include <array>
#include <vector>

#include <ATen/ops/arange.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/gather.h>
#include <ATen/ops/tensor.h>

#include "base/error.h"
#include "worker/files/dataset_supply.h"

namespace espalier {
namespace {

constexpr std::size_t kDatasetsKept = 2;

/// What is stored of one split: uint8 pixels, float32 values or int32 tokens.
at::Tensor stored_tensor(const Examples& examples, at::IntArrayRef shape) {
  // from_blob wants a writable pointer; only the copy is kept.
  const auto view = [&](const auto& values, at::ScalarType type) {
    return at::from_blob(const_cast<void*>(static_cast<const void*>(values.data())), shape, type).clone();
  };
  if (!examples.tokens.empty()) return view(examples.tokens, at::kInt);
  return examples.values.empty() ? view(examples.pixels, at::kByte) : view(examples.values, at::kFloat);
}

ResidentSplit make_resident(const Examples& examples, std::int64_t expected, const DatasetSpec& spec,
                            c10::Device device) {
  const auto [channels, height, width] = spec.shape;
  const std::size_t stored = std::max({examples.pixels.size(), examples.values.size(), examples.tokens.size()});
  if (examples.count != expected || static_cast<std::int64_t>(examples.labels.size()) != expected ||
      static_cast<std::int64_t>(stored) != expected * channels * height * width) {
    throw Error(ErrorKind::corrupt, "dataset " + spec.name + ": found " + std::to_string(examples.count) +
                                        " examples where the sweep was planned with " + std::to_string(expected));
  }
  const at::Tensor labels = at::tensor(examples.labels, at::kLong);
  if (spec.example == kTokenExamples) return {stored_tensor(examples, {expected, width}).to(device), labels.to(device)};
  return {stored_tensor(examples, {expected, channels, height, width}).to(device), labels.to(device)};
}

at::Tensor by_channel(const std::vector<float>& values, const DatasetSpec& spec, c10::Device device) {
  if (values.empty()) return {};
  if (static_cast<std::int64_t>(values.size()) != spec.shape[0]) {
    throw Error(ErrorKind::internal, "dataset " + spec.name + ": " + std::to_string(values.size()) + " scales for " +
                                         std::to_string(spec.shape[0]) + " channels");
  }
  return at::tensor(values, at::kFloat).view({spec.shape[0], 1, 1}).to(device);
}

}  // namespace

ResidentDataset::ResidentDataset(const Dataset& dataset, const DatasetSpec& spec, c10::Device device)
    : train_(make_resident(dataset.train, spec.train, spec, device)),
      validation_(make_resident(dataset.validation, spec.validation, spec, device)),
      test_(make_resident(dataset.test, spec.test, spec, device)),
      mean_(by_channel(dataset.scale.mean, spec, device)),
      deviation_(by_channel(dataset.scale.deviation, spec, device)) {
  const bool bytes = train_.examples.scalar_type() == at::kByte;
  const at::Tensor values =
      at::arange(256, at::TensorOptions(at::kLong).device(device)).to(at::kByte).view({1, 1, 16, 16});
  if (bytes) table_ = seen(values.expand({1, spec.shape[0], 16, 16})).contiguous().cpu();
}

at::Tensor ResidentDataset::seen(const at::Tensor& examples) const {
  if (examples.scalar_type() == at::kInt) return examples.to(at::kLong);
  at::Tensor images = examples.to(at::kFloat, /*non_blocking=*/false, /*copy=*/true);
  if (examples.scalar_type() == at::kFloat) return images;
  constexpr float kWhite = 255;
  images.div_(kWhite);
  return mean_.defined() ? images.sub_(mean_).div_(deviation_) : images;
}

Batch ResidentDataset::gather(const ResidentSplit& split, const at::Tensor& indices) const {
  return {seen(split.examples.index_select(0, indices)), split.labels.index_select(0, indices)};
}

Batch ResidentDataset::gather(const ResidentSplit& split, const at::Tensor& indices,
                              std::span<const CropFlip> crops) const {
  const at::Tensor labels = split.labels.index_select(0, indices);
  const at::Tensor& stored = split.examples;
  if (!stored.device().is_cpu()) return {crop_and_flip(seen(stored.index_select(0, indices)), crops), labels};
  const at::Tensor places = indices.contiguous();
  const std::span<const std::int64_t> which(places.data_ptr<std::int64_t>(), static_cast<std::size_t>(places.numel()));
  const std::array<std::int64_t, 3> shape{stored.size(1), stored.size(2), stored.size(3)};
  at::Tensor images = at::empty({indices.size(0), shape[0], shape[1], shape[2]}, at::kFloat);
  if (stored.scalar_type() == at::kByte) {
    const PixelTable table(table_.data_ptr<float>(), static_cast<std::size_t>(table_.numel()));
    gather_crops(stored.data_ptr<std::uint8_t>(), which, crops, shape, table, images.data_ptr<float>());
  } else {
    gather_crops(stored.data_ptr<float>(), which, crops, shape, images.data_ptr<float>());
  }
  return {images, labels};
}

Batch ResidentDataset::slice(const ResidentSplit& split, std::int64_t first, std::int64_t count) const {
  return {seen(split.examples.narrow(0, first, count)), split.labels.narrow(0, first, count)};
}

at::Tensor crop_and_flip(const at::Tensor& images, std::span<const CropFlip> crops) {
  const std::int64_t count = images.size(0), channels = images.size(1), height = images.size(2), width = images.size(3);
  std::vector<std::int64_t> rows, columns;  // of the padded images
  for (const CropFlip& crop : crops) {
    for (std::int64_t y = 0; y < height; ++y) rows.push_back(crop.down + y);
    for (std::int64_t x = 0; x < width; ++x) columns.push_back(crop.right + (crop.flip ? width - 1 - x : x));
  }
  const at::Tensor from_rows = at::tensor(rows, at::kLong).view({count, 1, height, 1}).to(images.device());
  const at::Tensor from_columns = at::tensor(columns, at::kLong).view({count, 1, 1, width}).to(images.device());
  const at::Tensor padded = at::constant_pad_nd(images, {kCropPadding, kCropPadding, kCropPadding, kCropPadding});
  return padded.gather(2, from_rows.expand({count, channels, height, padded.size(3)}))
      .gather(3, from_columns.expand({count, channels, height, width}));
}

const ResidentDataset& DatasetCache::get(const DatasetSpec& spec, const std::string& path) {
  const auto found = std::find_if(entries_.begin(), entries_.end(),
                                  [&](const Entry& entry) { return entry.spec == spec && entry.path == path; });
  if (found != entries_.end()) {
    std::rotate(entries_.begin(), found, found + 1);
    return *entries_.front().dataset;
  }
  // The oldest goes first, so that three are never in memory.
  if (entries_.size() >= kDatasetsKept) entries_.pop_back();
  entries_.push_front(
      {spec, path,
       std::make_unique<ResidentDataset>(load_or_fetch_dataset(spec, path, folder_, supply_), spec, device_)});
  return *entries_.front().dataset;
}

}  // namespace espalier
