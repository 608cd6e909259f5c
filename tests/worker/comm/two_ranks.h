#pragma once

#include <functional>

#include <gtest/gtest.h>

#include "worker/comm/mailbox.h"

namespace espalier {

/// Both ranks of a pool of two run the same tests side by side, each its own part: mpirun -n 2 test_comm. A test ends
/// when both have come to its end.
class TwoRanks : public testing::Test {
 protected:
  void TearDown() override { meet(); }

  static Mailbox& mailbox();
  static int me() { return mailbox().rank(); }
  static int other() { return 1 - me(); }
  static bool leads() { return me() == 0; }

  /// What a test does in every turn of its loop, and with each message that is not about meeting.
  virtual void handle(const Mail& mail) = 0;
  virtual void turn() {}

  /// Takes turns until `done` is true.
  void pump_until(const std::function<bool()>& done);
  /// Takes turns until the other has come here too: what it posted before has been heard then.
  void meet();

 private:
  void pump();

  int met_ = 0, heard_ = 0;
};

}  // namespace espalier
