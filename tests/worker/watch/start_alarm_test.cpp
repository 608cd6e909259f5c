#include "worker/watch/start_alarm.h"

#include <chrono>
#include <thread>
#include <unistd.h>

#include <gtest/gtest.h>

namespace espalier {
namespace {

void sleep_for_ms(int count) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(count);
  std::this_thread::sleep_until(end);
}

TEST(StartAlarm, EndsTheProcessWithASentence) {
  EXPECT_EXIT(
      {
        const StartAlarm alarm(0.05);
        sleep_for_ms(10'000);
      },
      testing::ExitedWithCode(kExitStartLimit), "MPI did not start within --start-limit");
}

TEST(StartAlarm, IsSilentOnceCancelledAndWithoutALimit) {
  EXPECT_EXIT(
      {
        StartAlarm alarm(0.05);
        alarm.cancel();
        const StartAlarm none(0);
        sleep_for_ms(150);
        ::_exit(0);
      },
      testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace espalier
