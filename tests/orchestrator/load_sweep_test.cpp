#include "orchestrator/load_sweep.h"

#include <gmock/gmock.h>

#include "base/error.h"

namespace espalier {
namespace {

using testing::HasSubstr;

std::string why_refused(const std::string& yaml, const std::stop_token& stop = {}) {
  try {
    load_sweep_text(yaml, "some.yaml", {}, "", {}, {}, stop);
    return "";
  } catch (const Error& error) {
    return error.what();
  }
}

std::string gradual(const std::string& bounds) {
  return "sweep: gradual\ndataset: {name: glyphs, train: 12000}\nmodel: resnet-56\nseeds: 1\n"
         "train: {optimizer: sgd, lr: 0.1, batch_size: 1, epochs: 1}\nprune:\n  method: magnitude\n"
         "  sparsity: 0.5\n  schedule: {cubic: {end: 10000it, every: 1it}}\n" +
         bounds;
}

TEST(LoadSweep, AStageThatFitsInNoFrameIsRefusedBeforeAnyWork) {
  const std::string why = why_refused(gradual("  min_kept: {\"*\": 0.01}\n  max_kept: {\"*\": 0.99}\n"));
  EXPECT_THAT(why, HasSubstr("MiB to say, and 4 are the limit"));
  EXPECT_THAT(why, HasSubstr("train resnet-56"));
}

TEST(LoadSweep, AStopIsHeard) {
  std::stop_source stop;
  stop.request_stop();
  EXPECT_THAT(why_refused(gradual(""), stop.get_token()), HasSubstr("the coordinator stops"));
}

}  // namespace
}  // namespace espalier
