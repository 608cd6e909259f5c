#include "orchestrator/simulation/event_queue.h"

#include <string>

#include <gtest/gtest.h>

namespace espalier {
namespace {

TEST(EventQueue, TakesByTimeAndThenByOrder) {
  EventQueue<std::string> events;
  events.schedule(2, "late");
  for (const char* event : {"a", "b", "c", "d", "e"}) events.schedule(1, event);
  events.schedule(0, "early");
  std::string taken;
  while (!events.empty()) {
    const auto [time, event] = events.take();
    taken += event + std::to_string(static_cast<int>(time)) + " ";
  }
  EXPECT_EQ(taken, "early0 a1 b1 c1 d1 e1 late2 ");
}

}  // namespace
}  // namespace espalier
