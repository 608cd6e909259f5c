#include "experiments/datasets/source.h"

#include <utility>

#include "base/error.h"

namespace espalier {
namespace {

[[noreturn]] void refuse(const DatasetSpec& spec, const char* what, std::int64_t asked, std::int64_t least,
                         std::int64_t most) {
  throw Error(ErrorKind::invalid_input, spec.name + ": " + what + ": " + std::to_string(asked) +
                                            " examples were asked for; choose between " + std::to_string(least) +
                                            " and " + std::to_string(most));
}

/// Cuts `images` to its first `count` examples; `size` is that of one.
void keep_first(ImageSet& images, std::int64_t count, std::int64_t size) {
  images.count = count;
  images.labels.resize(static_cast<std::size_t>(count));
  const auto values = static_cast<std::size_t>(count * size);
  if (images.values.empty()) {
    images.pixels.resize(values);
  } else {
    images.values.resize(values);
  }
}

/// What follows the first `begin` values; none of an empty list.
template <typename Value>
std::vector<Value> tail(const std::vector<Value>& values, std::int64_t begin) {
  return values.empty() ? values : std::vector<Value>(values.begin() + begin, values.end());
}

}  // namespace

void choose_split(DatasetSpec& spec, const DatasetRequest& request, const Supply& supply) {
  const std::int64_t train = request.train == -1 ? supply.default_train : request.train;
  const std::int64_t test = request.test == -1 ? supply.default_test : request.test;
  if (train < 1 || train > supply.most_train) refuse(spec, "train", train, 1, supply.most_train);
  if (test < 1 || test > supply.most_test) refuse(spec, "test", test, 1, supply.most_test);
  const std::int64_t share = (train + supply.validation_share / 2) / supply.validation_share;
  const std::int64_t validation = request.validation == -1 ? share : request.validation;
  if (validation < 0 || validation >= train) refuse(spec, "validation", validation, 0, train - 1);
  spec.train = train - validation;
  spec.validation = validation;
  spec.test = test;
}

ImageDataset split_examples(const DatasetSpec& spec, ImageSet train, ImageSet test) {
  const std::int64_t size = spec.shape[0] * spec.shape[1] * spec.shape[2];
  ImageDataset split;
  keep_first(train, spec.train + spec.validation, size);
  split.validation.count = spec.validation;
  split.validation.pixels = tail(train.pixels, spec.train * size);
  split.validation.values = tail(train.values, spec.train * size);
  split.validation.labels = tail(train.labels, spec.train);
  keep_first(train, spec.train, size);
  keep_first(test, spec.test, size);
  split.train = std::move(train);
  split.test = std::move(test);
  return split;
}

}  // namespace espalier
