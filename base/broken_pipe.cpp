#include "base/broken_pipe.h"

#include <signal.h>

namespace espalier {

// A handler that does nothing, and not SIG_IGN: that would be inherited by what we start.
void survive_broken_pipes() {
  struct sigaction action {};
  action.sa_handler = [](int) {};
  action.sa_flags = SA_RESTART;
  ::sigaction(SIGPIPE, &action, nullptr);
}

}  // namespace espalier
