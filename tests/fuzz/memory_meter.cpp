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

static void* counted_allocation(std::size_t size) {
  void* memory = size > kMostHeld || held > kMostHeld - size ? nullptr : std::malloc(size > 0 ? size : 1);
  if (memory == nullptr) throw std::bad_alloc();
  held += ::malloc_usable_size(memory);
  most_held = std::max(most_held, held);
  return memory;
}

static void counted_release(void* memory) {
  held -= memory != nullptr ? ::malloc_usable_size(memory) : 0;
  std::free(memory);
}

}  // namespace espalier

// Every form but those with an alignment: a sanitizer brings its own of what is not replaced, and then sees one's
// memory go back to the other.
void* operator new(std::size_t size) {
  return espalier::counted_allocation(size);
}
void* operator new[](std::size_t size) {
  return espalier::counted_allocation(size);
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  try {
    return espalier::counted_allocation(size);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}
void* operator new[](std::size_t size, const std::nothrow_t& nothrow) noexcept {
  return operator new(size, nothrow);
}
void operator delete(void* memory) noexcept {
  espalier::counted_release(memory);
}
void operator delete[](void* memory) noexcept {
  espalier::counted_release(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  espalier::counted_release(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
  espalier::counted_release(memory);
}
void operator delete(void* memory, const std::nothrow_t&) noexcept {
  espalier::counted_release(memory);
}
void operator delete[](void* memory, const std::nothrow_t&) noexcept {
  espalier::counted_release(memory);
}
