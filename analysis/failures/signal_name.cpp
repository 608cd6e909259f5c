#include "analysis/failures/signal_name.h"

#include <csignal>
#include <cstring>

namespace espalier {

std::string signal_name(int signal) {
  const char* name = ::sigabbrev_np(signal);
  return name != nullptr ? name : std::to_string(signal);
}

}  // namespace espalier
