#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "experiments/operators/operator_graph.h"

namespace espalier {

/// What is known before any example comes: numbers of the file, shapes, and what is computed of them. Shapes depend on
/// how many examples there are; such a constant is known for two numbers of them, from which follows what it is for
/// any.
struct OnnxConstant {
  /// Examples of `tensor` and of `other`: primes that no size of a network is likely to have.
  static constexpr std::int64_t kSome = 97, kOthers = 101;

  at::Tensor tensor;
  at::Tensor other;  ///< undefined where the number of examples plays no part

  OnnxConstant() = default;
  explicit OnnxConstant(at::Tensor of_any) : tensor(std::move(of_any)) {}
  /// Equal ones are one.
  OnnxConstant(at::Tensor of_some, at::Tensor of_others);

  bool defined() const { return tensor.defined(); }
  bool depends_on_batch() const { return other.defined(); }
  /// Of integers, one dim an element: which of them count examples. None if that is not so simple.
  std::optional<Dims> as_dims() const;
  /// Of the sizes of a value.
  static OnnxConstant of_dims(const Dims& dims);
};

/// What a name of the file stands for: a constant, a trained tensor, or what a node of the operator graph makes.
struct OnnxValue {
  OnnxConstant constant;        ///< also of a trained tensor
  std::string trained;          ///< its name; "" if it is none
  ValueIndex value = kNoValue;  ///< in the operator graph, once it is there
  /// The dims that the file sees, where examples lie inside one of them: [5, N, 8] may be seen as [5 N, 8], of which
  /// `value` keeps the dims that it had.
  std::optional<Dims> seen = {};
  bool lost = false;  ///< made by a node that is not understood

  bool is_constant() const { return constant.defined() && trained.empty(); }
};

}  // namespace espalier
