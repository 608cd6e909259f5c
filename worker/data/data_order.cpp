#include "worker/data/data_order.h"

#include <algorithm>

#include "base/random.h"

namespace espalier {

DataOrder::Place DataOrder::place(std::int64_t step) const {
  const std::int64_t first = step % steps_per_epoch() * batch_size;
  return {step / steps_per_epoch(), first, std::min(batch_size, examples - first)};
}

std::vector<std::int64_t> DataOrder::epoch_order(std::int64_t epoch) const {
  const auto index = (static_cast<std::uint64_t>(phase) << 32) + static_cast<std::uint64_t>(epoch);
  return RandomStream(seed, "data_order", index).permutation(examples);
}

}  // namespace espalier
