#include "worker/data/prune_batches.h"

#include <vector>

#include <ATen/ops/tensor.h>

#include "base/error.h"
#include "base/random.h"

namespace espalier {
namespace {

constexpr std::uint64_t kPassesOfARound = std::uint64_t{1} << 32;

}  // namespace

PruneBatches::PruneBatches(const PruneSpec& spec, const ResidentDataset* data, std::uint64_t seed, std::uint64_t round,
                           c10::Device device)
    : size_(spec.batch_size), data_(data) {
  if (data == nullptr || spec.batches == 0) return;
  if (spec.batch_size <= 0 || data->train().count() == 0) {
    throw Error(ErrorKind::invalid_input,
                "pruning by " + spec.criterion + " needs a batch size and a training set above 0");
  }
  count_ = spec.batches;
  std::vector<std::int64_t> order;
  for (std::uint64_t pass = 0; static_cast<std::int64_t>(order.size()) < count_ * size_; ++pass) {
    const auto again = RandomStream(seed, "prune", round * kPassesOfARound + pass).permutation(data->train().count());
    order.insert(order.end(), again.begin(), again.end());
  }
  order_ = at::tensor(order, at::kLong).to(device);
}

Batch PruneBatches::batch(std::int64_t index) const {
  return data_->gather(data_->train(), order_.narrow(0, index * size_, size_));
}

}  // namespace espalier
