#include "worker/machine/pinned_thread.h"

#include <gtest/gtest.h>

namespace espalier {
namespace {

int processors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  return ::sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 0;
}

TEST(PinnedThread, StaysOnSoManyProcessorsForAWhile) {
  const int before = processors();
  {
    const PinnedThread pinned(1);
    EXPECT_EQ(processors(), 1);
  }
  EXPECT_EQ(processors(), before);
  const PinnedThread all(before + 100);
  EXPECT_EQ(processors(), before);
}

}  // namespace
}  // namespace espalier
