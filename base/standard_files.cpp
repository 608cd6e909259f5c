#include "base/standard_files.h"

#include <cerrno>
#include <fcntl.h>
#include <iostream>
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

bool output_was_lost(std::string_view program) {
  std::cout.flush();
  if (std::cout || output_reader_is_gone()) return false;
  std::cerr << program
            << ": standard output could not be written; free some space where it goes, then run the same command again"
            << std::endl;
  return true;
}

}  // namespace espalier
