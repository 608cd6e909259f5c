#pragma once

#include <cstddef>

namespace espalier {

/// What operator new gave out while this lives: the program's own are replaced by ones that count. For programs of one
/// thread. More than 4 GiB at once is refused with std::bad_alloc, so that a defect does not take the machine with it.
class MemoryMeter {
 public:
  MemoryMeter();
  /// The most that was held at once since the beginning, above what was held then. Bytes.
  std::size_t peak() const;

 private:
  std::size_t held_before_;
};

}  // namespace espalier
