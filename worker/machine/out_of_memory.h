#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace espalier {

enum class MemoryKind { host, accelerator };

/// Thrown in place of a library's own exception: distinguishes a full memory from a full disk.
class OutOfMemory : public Error {
 public:
  OutOfMemory(MemoryKind memory, const std::string& message) : Error(ErrorKind::exhausted, message), memory_(memory) {}
  MemoryKind memory() const { return memory_; }

 private:
  MemoryKind memory_;
};

/// Which memory a library's message says is full; none if it is about something else.
std::optional<MemoryKind> memory_that_ran_out(std::string_view message);

}  // namespace espalier
