#include "tests/fuzz/memory_meter.h"

#include <algorithm>
#include <cstdlib>
#include <malloc.h>
#include <new>

namespace espalier {
namespace {

constexpr std::size_t kMostHeld = std::size_t{4} << 30;

// Plain numbers, without constructors: operator new is called before any would have run.
std::size_t held = 0;
std::size_t most_held = 0;

}  // namespace

MemoryMeter::MemoryMeter() : held_before_(held) {
  most_held = held;
}

std::size_t MemoryMeter::peak() const {
  return most_held - std::min(most_held, held_before_);
}

void* counted_allocation(std::size_t size) {
  void* memory = size > kMostHeld || held > kMostHeld - size ? nullptr : std::malloc(size > 0 ? size : 1);
  if (memory == nullptr) throw std::bad_alloc();
  held += ::malloc_usable_size(memory);
  most_held = std::max(most_held, held);
  return memory;
}

void counted_release(void* memory) {
  held -= memory != nullptr ? ::malloc_usable_size(memory) : 0;
  std::free(memory);
}

}  // namespace espalier

// The array and nothrow forms of the library call these.
void* operator new(std::size_t size) {
  return espalier::counted_allocation(size);
}
void operator delete(void* memory) noexcept {
  espalier::counted_release(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  espalier::counted_release(memory);
}
