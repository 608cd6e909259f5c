// Keys of `prune` that make no sense are refused, with the reason and the place.
#include <string>

#include <gmock/gmock.h>

#include "tests/experiments/expand/prune_sweep.h"
#include "tests/experiments/sweep_story.h"

namespace espalier {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(PruneRefusals, what_makes_no_sense_is_said_with_its_reason_and_place) {
  const auto said = [](const std::string& prune, const std::string& text, const std::string& rest = "controls: []\n") {
    EXPECT_THAT(problems(prune_sweep(prune, rest)), ElementsAre(HasSubstr(text))) << prune;
  };
  said("method: magnitude, sparsity: 0.5, protect: conv1",
       "prune.protect: the model has no such layer: unknown \"conv1\"");
  said("method: magnitude, sparsity: 0.5, protect: [\"x*\"]", "one of fc1, fc2, fc3");
  said("method: magnitude, sparsity: 0.5, granularity: filter", "prune.granularity: prune: nothing of model");
  said("method: magnitude, sparsity: 0.5, granularity: head", "it has no attention");
  said("method: magnitude, granularity: {n: 2, m: 3}", "but layer fc1 has 784");
  said("method: magnitude, sparsity: 0.6, granularity: {n: 2, m: 4}",
       "prune.granularity: 2:4 keeps 2 of every 4 inputs, which is sparsity 0.5, not 0.6");
  said("method: magnitude, granularity: {n: 2, m: 4}, allocation: erk", "prune.allocation: erk");
  said("method: magnitude, sparsity: 0.5, granularity: row, allocation: per_row",
       "prune.allocation: per_row counts the weights of each output, which granularity row l2");
  said("method: magnitude, sparsity: 0.998, granularity: row, allocation: uniform",
       "prune.sparsity: leaves none of the 100 rows of fc2 in round 1; prune less");
  said("method: magnitude, sparsity: 0.9, min_kept: 0.2",
       "prune.min_kept: keeps at least 53240 weights, but sparsity leaves 26620; prune less, or lower it");
  said("method: magnitude, sparsity: 0.5, max_kept: 0.2", "prune.max_kept: keeps at most 53240 weights");
  said("method: magnitude, sparsity: 0.5, min_kept: 0.3, max_kept: 0.2", "where max_kept allows");
  said("method: magnitude, sparsity: 0.5, dialect: open_lth, allocation: uniform",
       "prune.dialect: open_lth does not know allocation uniform (one of global)");
  said("method: magnitude, sparsity: 0.5, dialect: wanda, schedule: {linear: {rounds: 2}}",
       "wanda does not know schedule linear");
  said("method: magnitude, sparsity: 0.5, dialect: synflow, granularity: row", "synflow does not know granularity row");
  said("method: magnitude, sparsity: 0.9999, dialect: shrinkbench", "as dialect shrinkbench counts");
  said("method: magnitude, sparsity: 0.5, schedule: {cubic: {start: 1ep, end: 3ep, every: 50it}}",
       "the last update is before step 1650 of a training of 1650 steps");
  said("method: magnitude, sparsity: 0.5, schedule: {cubic: {start: 1ep, end: 1ep, every: 50it}}",
       "the end is not after the start");
  said("method: magnitude, sparsity: 0.5, schedule: {cubic: {start: 1ep, every: 50it}}", "prune.schedule.cubic.end");
  said("method: magnitude, sparsity: 0.5, at: init, schedule: {cubic: {end: 1ep, every: 50it}}",
       "prune.at: is not used");
  said("method: magnitude, sparsity: 0.5, schedule: {linear: {rounds: 2, initial: 0.6}}",
       "begins with sparsity 0.6, which is not below 0.5");
  said("method: magnitude, sparsity: 0.5, granularity: channel",
       "controls: erk_random spreads counts over single layers, which granularity channel l2",
       "controls: [erk_random]\n");
  said("method: magnitude, sparsity: 0.5", "controls: shuffle_sized moves structures among those of their size",
       "controls: [shuffle_sized]\n");
}

// Of images 28 x 28 and 10 classes: 784 h + 10 h weights, which is 2,382 for h = 3, 3,176 for 4, 19,850 for 25 and
// 20,644 for 26.
TEST(PruneRefusals, networks_too_large_for_a_criterion_are_refused_before_any_training) {
  const auto said = [](const std::string& criterion, const std::string& model, const std::string& more = "") {
    return problems(prune_sweep("method: " + criterion + ", sparsity: 0.5" + more, "controls: []\n", model));
  };
  EXPECT_THAT(said("obs", "mlp-3"), IsEmpty());
  EXPECT_THAT(said("obs", "mlp-4"),
              ElementsAre(HasSubstr("s.yaml:7:17: prune.method: obs takes networks of up to 3000 prunable weights, and "
                                    "model mlp-4 has 3176; obd_fisher and sparsegpt take networks of any size")));
  EXPECT_THAT(said("obs", "mlp-4", ", protect: fc2"), ElementsAre(HasSubstr("mlp-4 has 3176")));
  EXPECT_THAT(said("obd_hessian", "mlp-25"), IsEmpty());
  EXPECT_THAT(said("obd_hessian", "mlp-26"),
              ElementsAre(HasSubstr("obd_hessian takes networks of up to 20000 prunable weights, and model mlp-26 has "
                                    "20644")));
  EXPECT_THAT(said("obd_fisher", "mlp-26"), IsEmpty());
}

// 0.1 of 4 heads rounds to none (and of 8 in one ranking to one), 0.009 of 50 filters too, and 0.005 of all 70.
TEST(PruneRefusals, a_sparsity_that_removes_no_structure_is_refused) {
  const auto said = [](const std::string& prune, const std::string& model = "lenet-5") {
    return problems(prune_sweep("method: magnitude, " + prune, "controls: []\n", model));
  };
  EXPECT_THAT(said("sparsity: 0.1, granularity: head, allocation: uniform", "transformer-1x64x4"),
              ElementsAre(HasSubstr("prune.sparsity: sparsity 0.1 removes none of the 4 heads of blocks.0.attn; one of "
                                    "them is sparsity 0.25")));
  EXPECT_THAT(said("sparsity: 0.1, granularity: head", "transformer-2x64x4"), IsEmpty());
  EXPECT_THAT(said("sparsity: 0.005, granularity: filter"),
              ElementsAre(HasSubstr("prune.sparsity: sparsity 0.005 removes none of the 70 filters of the network; one "
                                    "of them is sparsity 0.0142857")));
  EXPECT_THAT(said("sparsity: 0.008, granularity: filter"), IsEmpty());
  EXPECT_THAT(said("sparsity: 0.009, granularity: filter, allocation: uniform"),
              ElementsAre(HasSubstr("removes none of the 50 filters of conv2, nor any elsewhere; one of them is "
                                    "sparsity 0.02")));
  EXPECT_THAT(said("sparsity: 0.02, granularity: filter, allocation: uniform"), IsEmpty());
  EXPECT_THAT(said("sparsity: 0.03, granularity: filter, allocation: uniform, protect: conv2"), IsEmpty());
  EXPECT_THAT(said("sparsity: 0.02, granularity: filter, allocation: uniform, protect: conv2"),
              ElementsAre(HasSubstr("removes none of the 20 filters of conv1; one of them is sparsity 0.05")));
  EXPECT_THAT(said("granularity: filter, allocation: {conv2: 0.001}"),
              ElementsAre(HasSubstr("prune.allocation: removes none of the 50 filters of conv2")));
  EXPECT_THAT(said("sparsity: 0, granularity: filter"), IsEmpty());
  EXPECT_THAT(said("sparsity: 1e-9"), IsEmpty());
}

}  // namespace
}  // namespace espalier
