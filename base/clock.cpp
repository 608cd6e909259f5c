#include "base/clock.h"

#include <chrono>

namespace espalier {

double utc_seconds() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace espalier
