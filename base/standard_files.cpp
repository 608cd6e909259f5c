#include "base/standard_files.h"

#include <cerrno>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

namespace espalier {

void open_closed_standard_files() {
  for (const int number : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(number, F_GETFD) >= 0 || errno != EBADF) continue;
    // It gets the lowest number that is free, which is this one.
    if (::open("/dev/null", number == STDIN_FILENO ? O_RDONLY : O_WRONLY) < 0) return;
  }
}

bool output_reader_is_gone() {
  pollfd output{STDOUT_FILENO, POLLOUT, 0};
  return ::poll(&output, 1, 0) > 0 && (output.revents & POLLERR) != 0;
}

}  // namespace espalier
