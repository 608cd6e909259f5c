#include "cluster/launch/child_process.h"

#include <chrono>
#include <stop_token>
#include <thread>

#include <gtest/gtest.h>

#include "base/error.h"

namespace espalier {
namespace {

constexpr std::chrono::seconds kLong{60};

TEST(CaptureOutput, BothStreamsAndTheEnd) {
  const CapturedOutput said = capture_output({"/bin/sh", "-c", "echo out; echo err >&2; exit 3"}, kLong);
  ASSERT_TRUE(said.end);
  EXPECT_EQ(said.end->exit_code, 3);
  EXPECT_EQ(said.out, "out\n");
  EXPECT_EQ(said.err, "err\n");
}

TEST(CaptureOutput, ItHasNothingToRead) {
  EXPECT_EQ(capture_output({"/bin/cat"}, kLong).out, "");
}

TEST(CaptureOutput, WhatTakesTooLongIsKilled) {
  const CapturedOutput said =
      capture_output({"/bin/sh", "-c", "echo begun; exec sleep 1000"}, std::chrono::milliseconds(200));
  EXPECT_FALSE(said.end);
  EXPECT_EQ(said.out, "begun\n");
  // Its streams may be closed long before it ends.
  EXPECT_FALSE(capture_output({"/bin/sh", "-c", "exec >&- 2>&-; exec sleep 1000"}, std::chrono::milliseconds(200)).end);
}

TEST(CaptureOutput, WhatSaysTooMuchIsKilled) {
  const CapturedOutput said = capture_output({"/bin/sh", "-c", "while :; do echo yes; done"}, kLong, 1000);
  EXPECT_FALSE(said.end);
  EXPECT_EQ(said.out.size(), 1000U);
  EXPECT_TRUE(capture_output({"/bin/sh", "-c", "head -c 5000 /dev/zero >&2"}, kLong, 1000).end);
}

TEST(CaptureOutput, WhatIsToStopIsKilled) {
  std::stop_source stop;
  const std::jthread stopper([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    stop.request_stop();
  });
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_FALSE(capture_output({"/bin/sleep", "1000"}, kLong, 1000, stop.get_token()).end);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, kLong / 2);
}

TEST(CaptureOutput, AProgramThatIsNotThere) {
  EXPECT_EQ(capture_output({"/nonexistent"}, kLong).end->exit_code, 127);
}

}  // namespace
}  // namespace espalier
