#pragma once

#include <cstdint>
#include <vector>

#include "worker/lowering/call_lowering.h"

namespace espalier {

/// The same numbers in another shape. Where examples would come to lie inside a dimension, the value stays as it is and
/// only the dims are others: see Lowered.
Lowered reshaped(CallLowering& call, const Lowered& x, const Dims& to);
ValueIndex transposed(CallLowering& call, ValueIndex x, const std::vector<std::int64_t>& permutation);
ValueIndex transposed(CallLowering& call, ValueIndex x, std::size_t one, std::size_t other);
ValueIndex sliced(CallLowering& call, ValueIndex x, std::size_t dim, std::int64_t start, std::int64_t end,
                  std::int64_t step = 1);
ValueIndex gathered(CallLowering& call, ValueIndex x, std::size_t dim, std::vector<std::int64_t> indices);
/// Repeated along dimensions of one index, and for every example.
ValueIndex expanded(CallLowering& call, ValueIndex x, const Dims& to);
/// Counted from the end if negative.
std::size_t dim_of(const CallLowering& call, const Dims& dims, std::int64_t dim);

}  // namespace espalier
