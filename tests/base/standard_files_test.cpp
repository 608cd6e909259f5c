#include "base/standard_files.h"

#include <csignal>
#include <fcntl.h>
#include <functional>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

namespace espalier {
namespace {

/// What `act` gives in a child.
int in_child(const std::function<int()>& act) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(act());
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(StandardFiles, TheNextFileDoesNotGetTheNumberOfAClosedOne) {
  for (int closed = 1; closed < 8; ++closed) {
    EXPECT_EQ(in_child([&] {
                for (int number = 0; number < 3; ++number) {
                  if ((closed >> number & 1) != 0) ::close(number);
                }
                open_closed_standard_files();
                const bool printable = ::write(STDOUT_FILENO, "", 0) == 0 && ::write(STDERR_FILENO, "", 0) == 0;
                return printable && ::open("/dev/null", O_RDONLY) > STDERR_FILENO ? 0 : 1;
              }),
              0)
        << closed;
  }
}

TEST(StandardFiles, AReaderThatHasGoneIsNoticed) {
  for (const bool gone : {false, true}) {
    EXPECT_EQ(in_child([&] {
                int ends[2];
                if (::pipe(ends) != 0) return 2;
                ::dup2(ends[1], STDOUT_FILENO);
                if (gone) ::close(ends[0]);
                return output_reader_is_gone() ? 1 : 0;
              }),
              gone ? 1 : 0);
  }
  EXPECT_EQ(in_child([] {
              ::dup2(::open("/dev/full", O_WRONLY), STDOUT_FILENO);
              return output_reader_is_gone() ? 1 : 0;
            }),
            0);
}

}  // namespace
}  // namespace espalier
