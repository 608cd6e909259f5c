#pragma once

#include <atomic>
#include <cstdint>

namespace espalier {

/// Liveness counter of the compute thread: incremented with every pass of a network, read by the watchdog. One thread
/// beats, any may read.
class Pulse {
 public:
  void beat() { beats_.fetch_add(1, std::memory_order_relaxed); }
  std::uint64_t beats() const { return beats_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> beats_{0};
};

}  // namespace espalier
