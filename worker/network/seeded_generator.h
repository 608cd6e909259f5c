#pragma once

#include <cstdint>
#include <memory>

#include <ATen/core/Tensor.h>

namespace espalier {

/// Seeds the device's default generator, which dropout draws from, and puts it back when it ends.
class SeededGenerator {
 public:
  SeededGenerator(c10::Device device, std::uint64_t seed);
  ~SeededGenerator();
  SeededGenerator(const SeededGenerator&) = delete;
  SeededGenerator& operator=(const SeededGenerator&) = delete;

 private:
  struct Kept;
  std::unique_ptr<Kept> kept_;
};

}  // namespace espalier
