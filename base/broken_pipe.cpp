#include "base/broken_pipe.h"

#include <signal.h>

namespace espalier {

// An empty handler instead of SIG_IGN, which child processes would inherit.
void survive_broken_pipes() {
  struct sigaction action {};
  action.sa_handler = [](int) {};
  action.sa_flags = SA_RESTART;
  ::sigaction(SIGPIPE, &action, nullptr);
}

}  // namespace espalier
