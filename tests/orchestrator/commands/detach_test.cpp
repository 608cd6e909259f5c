#include "orchestrator/commands/detach.h"

#include <gmock/gmock.h>

namespace espalier {
namespace {

TEST(Detach, WhatIsStartedInTheBackgroundDoesNotDetachAgain) {
  for (const char* detach : {"--detach", "--detach=true", "--detach=1"}) {
    EXPECT_THAT(without_detach({"run", "a.yaml", detach, "--workers", "2"}),
                testing::ElementsAre("run", "a.yaml", "--workers", "2"));
  }
}

}  // namespace
}  // namespace espalier
