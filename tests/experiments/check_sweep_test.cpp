#include "experiments/check_sweep.h"

#include <gmock/gmock.h>

#include "sweep_story.h"

namespace espalier {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<std::string> warnings(const std::string& rest) {
  return texts(
      check_sweep(spec_of("sweep: s\ndataset: mnist\nmodel: lenet-300-100\ntrain: {lr: 0.1, epochs: 3}\n" + rest)));
}

TEST(CheckSweep, a_sound_sweep_has_no_warnings) {
  EXPECT_THAT(warnings("prune: {method: magnitude, sparsity: [0.5, 0.8, 0.9]}\n"), IsEmpty());
  EXPECT_THAT(warnings("prune: {method: [random, magnitude], sparsity: [0.5, 0.8, 0.9]}\ncontrols: []\n"), IsEmpty());
  EXPECT_THAT(warnings("prune: {method: magnitude, schedule: {iterative: {rate: 0.2, rounds: 9}}}\n"), IsEmpty());
  EXPECT_THAT(warnings(""), IsEmpty());
}

TEST(CheckSweep, what_weakens_a_comparison_is_said) {
  EXPECT_THAT(
      warnings(
          "seeds: 1\ndense: false\nprune: {method: magnitude, sparsity: [0.5, 0.9]}\nretrain: {finetune: {epochs: 1}}\n"
          "controls: [reinit]\n"),
      ElementsAre("s.yaml:5:8: warning: seeds: one seed gives no interval; use three or more",
                  HasSubstr("no dense networks are run"),
                  HasSubstr("s.yaml:9:11: warning: controls: no random control"),
                  HasSubstr("warning: prune.sparsity: fewer than three sparsities"),
                  HasSubstr("the reinit control trains new weights for as long as finetune does")));
}

}  // namespace
}  // namespace espalier
