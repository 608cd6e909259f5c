#include "worker/machine/out_of_memory.h"

#include <array>

namespace espalier {

std::optional<MemoryKind> memory_that_ran_out(std::string_view message) {
  const auto says = [&](std::string_view words) { return message.find(words) != std::string_view::npos; };
  if (says("CUDA out of memory") || says("CUDA error: out of memory")) return MemoryKind::accelerator;
  // Error texts of LibTorch, C++ and errno.
  constexpr std::array<std::string_view, 4> kHost{"allocate memory", "out of memory", "std::bad_alloc",
                                                  "not enough memory"};
  for (const std::string_view words : kHost) {
    if (says(words)) return MemoryKind::host;
  }
  return std::nullopt;
}

}  // namespace espalier
