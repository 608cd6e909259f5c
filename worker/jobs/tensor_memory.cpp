#include "worker/jobs/tensor_memory.h"

#include <atomic>
#include <cstddef>
#include <malloc.h>

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <c10/core/impl/alloc_cpu.h>
#include <c10/util/Exception.h>
#ifdef ESPALIER_TORCH_CUDA
#include <c10/cuda/CUDACachingAllocator.h>
#endif
#include <spdlog/spdlog.h>
#include <torch/version.h>

namespace espalier {
namespace {

#if TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 3)
#define ESPALIER_ALLOCATE allocate(std::size_t bytes)
#else
#define ESPALIER_ALLOCATE allocate(std::size_t bytes) const
#endif

/// LibTorch knows allocators of the process, not of a thread or a job.
std::atomic<std::int64_t> g_limit{0};
std::atomic<std::int64_t> g_used{0};
std::atomic<std::int64_t> g_peak{0};

void count(const void* memory) {
  const auto bytes = static_cast<std::int64_t>(::malloc_usable_size(const_cast<void*>(memory)));
  const std::int64_t used = g_used += bytes;
  std::int64_t peak = g_peak;
  while (used > peak && !g_peak.compare_exchange_weak(peak, used)) continue;
}

void release(void* memory) {
  g_used -= static_cast<std::int64_t>(::malloc_usable_size(memory));
  c10::free_cpu(memory);
}

class CountingAllocator final : public c10::Allocator {
 public:
  c10::DataPtr ESPALIER_ALLOCATE override {
    const std::int64_t limit = g_limit;
    TORCH_CHECK(limit == 0 || g_used + static_cast<std::int64_t>(bytes) <= limit,
                "CPU allocator: can't allocate memory: you tried to allocate ", bytes, " bytes beyond a limit of ",
                limit);
    void* const memory = c10::alloc_cpu(bytes);
    count(memory);
    return {memory, memory, &release, c10::Device(c10::DeviceType::CPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &release; }
#if TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 3)
  void copy_data(void* to, const void* from, std::size_t bytes) const override {
    default_copy_data(to, from, bytes);
  }
#endif
};

}  // namespace

void limit_tensor_memory(std::int64_t bytes) {
  static CountingAllocator allocator;
  static const bool in_front = (c10::SetCPUAllocator(&allocator, /*priority=*/1), true);
  static_cast<void>(in_front);
  g_limit = bytes;
}

PeakTensorMemory::PeakTensorMemory(std::optional<int> gpu) : gpu_(gpu) {
#ifdef ESPALIER_TORCH_CUDA
  if (gpu_) {
    c10::cuda::CUDACachingAllocator::resetPeakStats(static_cast<c10::DeviceIndex>(*gpu_));
    before_ = bytes();
    return;
  }
#endif
  limit_tensor_memory(g_limit);
  before_ = g_used;
  g_peak = before_;
}

std::int64_t PeakTensorMemory::bytes() const {
#ifdef ESPALIER_TORCH_CUDA
  if (gpu_) {
    const auto stats = c10::cuda::CUDACachingAllocator::getDeviceStats(static_cast<c10::DeviceIndex>(*gpu_));
    return stats.allocated_bytes[0].peak - before_;
  }
#endif
  return g_peak - before_;
}

void return_freed_memory() {
  ::malloc_trim(0);
#ifdef ESPALIER_TORCH_CUDA
  try {
    c10::cuda::CUDACachingAllocator::emptyCache();
  } catch (const c10::Error& error) {
    spdlog::warn("the GPU keeps the memory of freed tensors: {}", error.what_without_backtrace());
  }
#endif
}

}  // namespace espalier
