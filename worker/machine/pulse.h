#pragma once

#include <atomic>
#include <cstdint>

namespace espalier {

/// The compute thread's sign of life: it beats with every pass of a network, and whoever watches sees that it moves.
/// One thread beats, any may look.
class Pulse {
 public:
  void beat() { beats_.fetch_add(1, std::memory_order_relaxed); }
  std::uint64_t beats() const { return beats_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> beats_{0};
};

}  // namespace espalier
