#include "worker/resident_dataset.h"

#include <algorithm>
#include <vector>

#include <ATen/ops/from_blob.h>

#include "base/error.h"

namespace espalier {
namespace {

constexpr std::size_t kDatasetsKept = 2;

ResidentSplit make_resident(const ImageSet& images, std::int64_t expected, const DatasetSpec& spec,
                            c10::Device device) {
  const auto [channels, height, width] = spec.shape;
  if (images.count != expected || static_cast<std::int64_t>(images.labels.size()) != expected ||
      static_cast<std::int64_t>(images.pixels.size()) != expected * channels * height * width) {
    throw Error(ErrorKind::corrupt, "dataset " + spec.name + ": found " + std::to_string(images.count) +
                                        " examples where the sweep was planned with " + std::to_string(expected));
  }
  const auto view = [](const std::vector<std::uint8_t>& bytes, at::IntArrayRef shape) {
    // from_blob wants a writable pointer; only the copy is kept.
    return at::from_blob(const_cast<std::uint8_t*>(bytes.data()), shape, at::kByte);
  };
  return {view(images.pixels, {expected, channels, height, width}).clone().to(device),
          view(images.labels, {expected}).to(at::kLong).to(device)};
}

at::Tensor scaled(const at::Tensor& pixels) {
  constexpr float kWhite = 255;
  return pixels.to(at::kFloat).div_(kWhite);
}

}  // namespace

ResidentDataset::ResidentDataset(const ImageDataset& images, const DatasetSpec& spec, c10::Device device)
    : train_(make_resident(images.train, spec.train, spec, device)),
      validation_(make_resident(images.validation, spec.validation, spec, device)),
      test_(make_resident(images.test, spec.test, spec, device)) {}

Batch ResidentDataset::gather(const ResidentSplit& split, const at::Tensor& indices) const {
  return {scaled(split.pixels.index_select(0, indices)), split.labels.index_select(0, indices)};
}

Batch ResidentDataset::slice(const ResidentSplit& split, std::int64_t first, std::int64_t count) const {
  return {scaled(split.pixels.narrow(0, first, count)), split.labels.narrow(0, first, count)};
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
      {spec, path, std::make_unique<ResidentDataset>(load_dataset(spec, path, folder_), spec, device_)});
  return *entries_.front().dataset;
}

}  // namespace espalier
