#include "worker/network/seeded_generator.h"

#include <mutex>

#include <ATen/Context.h>
#include <ATen/core/Generator.h>

namespace espalier {

struct SeededGenerator::Kept {
  at::Generator generator;
  at::Tensor state;
};

SeededGenerator::SeededGenerator(c10::Device device, std::uint64_t seed)
    : kept_(new Kept{at::globalContext().defaultGenerator(device), {}}) {
  const std::lock_guard lock(kept_->generator.mutex());
  kept_->state = kept_->generator.get_state();
  kept_->generator.set_current_seed(seed);
}

SeededGenerator::~SeededGenerator() {
  const std::lock_guard lock(kept_->generator.mutex());
  kept_->generator.set_state(kept_->state);
}

}  // namespace espalier
