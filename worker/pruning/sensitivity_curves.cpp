#include "worker/pruning/sensitivity_curves.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <ATen/ops/tensor.h>

#include "base/error.h"

namespace espalier {
namespace {

template <typename Number>
std::vector<Number> numbers(const NamedTensors& tensors, const std::string& name, c10::ScalarType type) {
  for (const auto& [known, tensor] : tensors) {
    if (known != name || tensor.scalar_type() != type) continue;
    const at::Tensor held = tensor.to(at::kCPU).contiguous();
    return {held.data_ptr<Number>(), held.data_ptr<Number>() + held.numel()};
  }
  throw Error(ErrorKind::corrupt, "an artifact of a sensitivity stage has no " + name);
}

}  // namespace

NamedTensors to_tensors(const SensitivityCurves& curves) {
  std::vector<double> all;
  for (const auto& curve : curves.losses) all.insert(all.end(), curve.begin(), curve.end());
  const auto scopes = static_cast<std::int64_t>(curves.losses.size());
  return {{"losses", at::tensor(all, at::kDouble).view({scopes, static_cast<std::int64_t>(curves.sparsities.size())})},
          {"sparsities", at::tensor(curves.sparsities, at::kDouble)},
          {"units", at::tensor(curves.units, at::kLong)}};
}

SensitivityCurves curves_from(const NamedTensors& tensors) {
  SensitivityCurves curves;
  curves.sparsities = numbers<double>(tensors, "sparsities", at::kDouble);
  curves.units = numbers<std::int64_t>(tensors, "units", at::kLong);
  const std::vector<double> all = numbers<double>(tensors, "losses", at::kDouble);
  const std::size_t points = curves.sparsities.size();
  if (points == 0 || all.size() != points * curves.units.size())
    throw Error(ErrorKind::corrupt, "the curves of a sensitivity stage do not fit its scopes");
  for (std::size_t first = 0; first < all.size(); first += points)
    curves.losses.emplace_back(all.begin() + static_cast<std::ptrdiff_t>(first),
                               all.begin() + static_cast<std::ptrdiff_t>(first + points));
  return curves;
}

}  // namespace espalier
