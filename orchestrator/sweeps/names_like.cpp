#include "orchestrator/sweeps/names_like.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <utility>

#include "base/error.h"
#include "base/some_names.h"

namespace espalier {
namespace {

using Tensors = std::vector<const TensorBytes*>;
using Alike = std::function<bool(const TensorBytes& ours, const TensorBytes& theirs)>;

Tensors pointers_to(const std::vector<TensorBytes>& tensors) {
  Tensors all;
  for (const TensorBytes& tensor : tensors) all.push_back(&tensor);
  return all;
}

std::string shape_words(const TensorBytes& tensor) {
  std::string words;
  for (const std::int64_t size : tensor.shape) words += (words.empty() ? "" : "x") + std::to_string(size);
  return words.empty() ? "one number" : words;
}

std::string module_of(const std::string& name) {
  return name.substr(0, name.rfind('.'));
}

class Naming {
 public:
  Naming(const std::vector<TensorBytes>& ours, const std::vector<TensorBytes>& theirs)
      : ours_(pointers_to(ours)), theirs_(pointers_to(theirs)) {}

  /// Pairs what is alike, where it is so of just one of ours and one of theirs.
  void pair(const Alike& alike) {
    std::vector<std::pair<const TensorBytes*, const TensorBytes*>> found;
    for (const TensorBytes* one : ours_) {
      const Tensors candidates = like(theirs_, [&](const TensorBytes& other) { return alike(*one, other); });
      if (candidates.size() != 1) continue;
      if (like(ours_, [&](const TensorBytes& other) { return alike(other, *candidates[0]); }).size() == 1)
        found.emplace_back(one, candidates[0]);
    }
    for (const auto& [one, other] : found) {
      names_[one->name] = other->name;
      std::erase(ours_, one);
      std::erase(theirs_, other);
    }
  }
  /// Whether others of the same two modules are paired.
  bool modules_are_paired(const TensorBytes& one, const TensorBytes& other) const {
    return std::ranges::any_of(names_, [&](const auto& pair) {
      return module_of(pair.first) == module_of(one.name) && module_of(pair.second) == module_of(other.name);
    });
  }
  const Tensors& ours_left() const { return ours_; }
  std::vector<std::string> theirs_left(const std::vector<std::int64_t>& shape) const {
    std::vector<std::string> names;
    for (const TensorBytes* one : like(theirs_, [&](const TensorBytes& other) { return other.shape == shape; }))
      names.push_back(one->name);
    return names;
  }
  std::map<std::string, std::string> other_names() const {
    std::map<std::string, std::string> others = names_;
    std::erase_if(others, [](const auto& pair) { return pair.first == pair.second; });
    return others;
  }

 private:
  static Tensors like(const Tensors& all, const std::function<bool(const TensorBytes&)>& wanted) {
    Tensors found;
    std::ranges::copy_if(all, std::back_inserter(found), [&](const TensorBytes* one) { return wanted(*one); });
    return found;
  }

  Tensors ours_, theirs_;
  std::map<std::string, std::string> names_;
};

bool is_buffer_of(const OperatorGraph& graph, const std::string& tensor) {
  return std::ranges::any_of(graph.values(), [&](const Value& value) {
    return value.source == Value::Source::buffer && value.name == tensor;
  });
}

}  // namespace

std::map<std::string, std::string> names_like(const OperatorGraph& graph, const std::vector<TensorBytes>& ours,
                                              const std::vector<TensorBytes>& theirs, const std::string& where) {
  const auto same_shape = [](const TensorBytes& one, const TensorBytes& other) { return one.shape == other.shape; };
  Naming naming(ours, theirs);
  naming.pair([&](const auto& one, const auto& other) { return one.name == other.name && same_shape(one, other); });
  naming.pair([&](const auto& one, const auto& other) {
    return same_shape(one, other) && one.type == other.type && one.bytes == other.bytes;
  });
  // Biases are often zero at first, all of them.
  naming.pair([&](const auto& one, const auto& other) {
    return same_shape(one, other) && naming.modules_are_paired(one, other);
  });
  naming.pair(same_shape);
  for (const TensorBytes* left : naming.ours_left()) {
    const std::vector<std::string> candidates = naming.theirs_left(left->shape);
    if (candidates.empty() && is_buffer_of(graph, left->name)) continue;
    const std::string what = left->name + " (" + shape_words(*left) + ")";
    if (candidates.empty()) throw Error(ErrorKind::invalid_input, where + ": has no tensor that could be " + what);
    throw Error(ErrorKind::invalid_input, where + ": cannot tell which of its tensors is " + what + ": " +
                                              some_names(candidates) +
                                              "; give one that it has the same name in, or leave --like out");
  }
  return naming.other_names();
}

}  // namespace espalier
