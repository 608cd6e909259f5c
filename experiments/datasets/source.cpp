#include "experiments/datasets/source.h"

#include <algorithm>
#include <span>
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
void keep_first(Examples& images, std::int64_t count, std::int64_t size) {
  images.count = count;
  images.labels.resize(static_cast<std::size_t>(count));
  const auto keep = [values = static_cast<std::size_t>(count * size)](auto& list) {
    if (!list.empty()) list.resize(values);
  };
  keep(images.pixels);
  keep(images.values);
  keep(images.tokens);
}

/// What follows the first `begin` values; none of an empty list.
template <typename Value>
std::vector<Value> tail(const std::vector<Value>& values, std::int64_t begin) {
  return values.empty() ? values : std::vector<Value>(values.begin() + begin, values.end());
}

using ClassCounts = std::vector<std::int64_t>;

ClassCounts count_classes(std::span<const std::int64_t> labels, std::int64_t classes) {
  ClassCounts counts(static_cast<std::size_t>(classes));
  for (const std::int64_t label : labels) ++counts[static_cast<std::size_t>(label)];
  return counts;
}

/// "3, 5 to 9": of the classes that `has` holds for; "" if there is none.
template <typename Has>
std::string class_ranges(std::int64_t classes, const Has& has) {
  std::string text;
  for (std::int64_t first = 0; first < classes; ++first) {
    if (!has(first)) continue;
    std::int64_t last = first;
    while (last + 1 < classes && has(last + 1)) ++last;
    text += (text.empty() ? "" : ", ") + std::to_string(first);
    if (last > first) text += (last > first + 1 ? " to " : ", ") + std::to_string(last);
    first = last;
  }
  return text;
}

/// Whether the examples of each class stand together: too regular for chance where there are some of each.
bool is_sorted_by_class(std::span<const std::int64_t> labels, std::int64_t distinct) {
  constexpr std::int64_t kOfEach = 4;
  std::int64_t changes = 0;
  for (std::size_t i = 1; i < labels.size(); ++i) changes += labels[i] != labels[i - 1] ? 1 : 0;
  return distinct > 1 && changes == distinct - 1 && std::ssize(labels) >= kOfEach * distinct;
}

}  // namespace

bool is_line(const std::array<std::int64_t, 3>& shape) {
  return std::ranges::count_if(shape, [](std::int64_t side) { return side > 1; }) <= 1;
}

void judge_labels(DatasetSpec& spec, const std::vector<std::int64_t>& train, const std::vector<std::int64_t>& test,
                  const std::string& where) {
  const std::span used(train.data(), static_cast<std::size_t>(spec.train + spec.validation));
  const ClassCounts trained = count_classes(used.first(static_cast<std::size_t>(spec.train)), spec.classes);
  const ClassCounts known = count_classes(train, spec.classes);
  const ClassCounts tested = count_classes(test, spec.classes);
  const auto in = [](const ClassCounts& counts, std::int64_t label) {
    return counts[static_cast<std::size_t>(label)] > 0;
  };
  const std::int64_t distinct = std::ranges::count_if(trained, [](std::int64_t count) { return count > 0; });
  if (distinct == 1) {
    throw Error(ErrorKind::invalid_input,
                where + ": all " + std::to_string(spec.train) + " examples to train on are of class " +
                    class_ranges(spec.classes, [&](std::int64_t label) { return in(trained, label); }) +
                    ", so that every network is right about them; it takes two classes, and shuffled examples");
  }
  const auto occurs = [&](std::int64_t label) { return in(known, label) || in(tested, label); };
  const std::string gaps = class_ranges(spec.classes, [&](std::int64_t label) { return !occurs(label); });
  if (!gaps.empty()) {
    spec.remarks.push_back("no example is of class " + gaps + ", and networks have an output for each of the " +
                           std::to_string(spec.classes) + "; number the classes 0, 1, ... without gaps");
  }
  const std::string unseen =
      class_ranges(spec.classes, [&](std::int64_t label) { return occurs(label) && !in(trained, label); });
  if (!unseen.empty())
    spec.remarks.push_back("no example to train on is of class " + unseen + ", so that no network can learn it");
  if (is_sorted_by_class(
          used, std::ranges::count_if(count_classes(used, spec.classes), [](std::int64_t count) { return count > 0; })))
    spec.remarks.push_back(
        "the examples are sorted by class, and those held out are the last ones: shuffle them first");
}

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

Dataset split_examples(const DatasetSpec& spec, Examples train, Examples test) {
  const std::int64_t size = spec.shape[0] * spec.shape[1] * spec.shape[2];
  Dataset split;
  keep_first(train, spec.train + spec.validation, size);
  split.validation.count = spec.validation;
  split.validation.pixels = tail(train.pixels, spec.train * size);
  split.validation.values = tail(train.values, spec.train * size);
  split.validation.tokens = tail(train.tokens, spec.train * size);
  split.validation.labels = tail(train.labels, spec.train);
  keep_first(train, spec.train, size);
  keep_first(test, spec.test, size);
  split.train = std::move(train);
  split.test = std::move(test);
  return split;
}

}  // namespace espalier
