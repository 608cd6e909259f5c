#include "experiments/pruning/narrowed_bytes.h"

#include <cstddef>
#include <utility>

#include "base/error.h"

namespace espalier {
namespace {

/// Copies what is kept, dimension after dimension: `from` begins the part of the dimensions from `dim` on.
class KeptBytes {
 public:
  KeptBytes(const TensorBytes& tensor, const KeptTensor& kept) : tensor_(tensor), kept_(kept) {
    std::size_t stride = static_cast<std::size_t>(element_size(tensor.type));
    strides_.resize(tensor.shape.size());
    for (std::size_t dim = tensor.shape.size(); dim-- > 0;) {
      strides_[dim] = stride;
      stride *= static_cast<std::size_t>(tensor.shape[dim]);
    }
  }

  std::string copied() && {
    copy(0, 0, 0);
    return std::move(bytes_);
  }

 private:
  void copy(std::size_t dim, std::size_t from, std::size_t group) {
    if (dim == kept_.kept.size()) {
      bytes_.append(tensor_.bytes.substr(from, static_cast<std::size_t>(element_size(tensor_.type))));
      return;
    }
    const bool by_group = dim == 1 && !kept_.inputs_by_group.empty();
    for (const std::int64_t index : by_group ? kept_.inputs_by_group[group] : kept_.kept[dim]) {
      const auto place = static_cast<std::size_t>(index);
      const std::size_t next = dim == 0 && !kept_.inputs_by_group.empty() ? place / rows_of_a_group() : group;
      copy(dim + 1, from + place * strides_[dim], next);
    }
  }
  std::size_t rows_of_a_group() const {
    return static_cast<std::size_t>(tensor_.shape[0]) / kept_.inputs_by_group.size();
  }

  const TensorBytes& tensor_;
  const KeptTensor& kept_;
  std::vector<std::size_t> strides_;  // in bytes
  std::string bytes_;
};

}  // namespace

std::string narrowed_bytes(const TensorBytes& tensor, const KeptTensor& kept) {
  if (tensor.shape.size() != kept.kept.size())
    throw Error(ErrorKind::internal, tensor.name + ": has another shape than its graph says");
  for (std::size_t dim = 0; dim < kept.kept.size(); ++dim) {
    if (!kept.kept[dim].empty() && kept.kept[dim].back() >= tensor.shape[dim])
      throw Error(ErrorKind::internal, tensor.name + ": is smaller than its graph says");
  }
  return KeptBytes(tensor, kept).copied();
}

std::vector<std::int64_t> shape_of(const KeptTensor& kept) {
  std::vector<std::int64_t> shape;
  for (std::size_t dim = 0; dim < kept.kept.size(); ++dim) {
    const bool by_group = dim == 1 && !kept.inputs_by_group.empty();
    shape.push_back(std::ssize(by_group ? kept.inputs_by_group[0] : kept.kept[dim]));
  }
  return shape;
}

}  // namespace espalier
