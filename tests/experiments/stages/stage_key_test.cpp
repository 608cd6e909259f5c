#include "experiments/stages/stage_key.h"

#include <gtest/gtest.h>

#include "experiments/stages/stage_spec.h"

// Pinned keys: what a store out there was written with. They are never edited to make a test pass: a key that moved
// means that every stored result is orphaned. A field that is new is left out of the JSON while it has its default;
// numbers that would come out otherwise raise kNumericsEpoch instead.
//
// All were computed without this code, by Python over the literal text, each feeding the next:
//   python3 -c 'import hashlib; print(hashlib.sha256(TEXT.encode()).hexdigest())'
// with, for the first,
//   TEXT =
//   """{"epoch":1,"inputs":{},"kind":"init","seed":0,"spec":{"model":{"classes":10,"input":[1,28,28],"name":"lenet-300-100"},"scheme":"glorot_normal","stream":"init"}}"""

namespace espalier {
namespace {

constexpr const char* kInit = "92676bb1404b12d365cca87bf9aa526755f0ad214b9c73132dcc8794156478b2";
constexpr const char* kTrainKey = "b59dd11bfc93d2f7bbc64a14ccb4ed5ed5d77bf18aba4f1c8e4e47d3d627ba18";
constexpr const char* kPrune = "e95d6d200fbc32b3e040c3a82a5c8069baca8add52dfbcebe0d52360623fa854";
constexpr const char* kShuffle = "8668bbc3e3bc5b9a83256338c4c8582a70a54661faae2451886d0b7336821226";
constexpr const char* kNarrow = "6f7846ecab11ad279c14af2de7e4346880b2fd5f5a3315a934b355cc0dcd5104";
constexpr const char* kEvaluate = "18da9dc0e594746b5d9bf66493efd9d85c608f80c3754674e6b3867e3ec56ecb";
constexpr const char* kNoop = "ad31cb3434e3af3dc12b2bbc3237bb35a42b96e208c303b81f486514c57505e3";
constexpr const char* kRepair = "5dacfcb595af0e878600f36757f07b2c9380a6170b6e8426713ee32de757cc2e";

using Inputs = std::vector<std::pair<InputRole, StageKey>>;

ModelSpec keyed_lenet() {
  return {"lenet-300-100", {1, 28, 28}, 10};
}
DatasetSpec keyed_mnist() {
  return {"mnist", "c0ffee", 55000, 5000, 10000, {1, 28, 28}, 10, 0};
}

std::string key(StageKind kind, const Inputs& inputs, const std::string& spec, std::uint64_t seed = 0) {
  return to_hex(make_stage_key(kind, inputs, seed, spec));
}

TEST(StageKey, pinned_init) {
  EXPECT_EQ(key(StageKind::init, {}, canonical_json(InitSpec{keyed_lenet(), "glorot_normal", "init"})), kInit);
}

TEST(StageKey, pinned_train) {
  TrainSpec spec;
  spec.model = keyed_lenet();
  spec.dataset = keyed_mnist();
  spec.optimizer.name = "adam";
  spec.optimizer.lr = 1.2e-3;
  spec.batch_size = 60;
  spec.end_step = 4585;
  spec.eval_every = 917;
  EXPECT_EQ(key(StageKind::train, {{InputRole::weights, stage_key_from_hex(kInit)}}, canonical_json(spec)), kTrainKey);
}

TEST(StageKey, pinned_prune) {
  PruneSpec spec;
  spec.model = keyed_lenet();
  spec.criterion = "magnitude";
  spec.target.total_kept = 26620;
  EXPECT_EQ(key(StageKind::prune, {{InputRole::weights, stage_key_from_hex(kTrainKey)}}, canonical_json(spec)), kPrune);
}

TEST(StageKey, pinned_shuffle) {
  EXPECT_EQ(key(StageKind::shuffle, {{InputRole::masks, stage_key_from_hex(kPrune)}},
                canonical_json(ShuffleSpec{keyed_lenet()})),
            kShuffle);
}

TEST(StageKey, pinned_narrow) {
  EXPECT_EQ(key(StageKind::narrow, {{InputRole::masks, stage_key_from_hex(kPrune)}},
                canonical_json(NarrowSpec{keyed_lenet(), "channel l2", "glorot_normal"})),
            kNarrow);
}

TEST(StageKey, pinned_evaluate) {
  const Inputs inputs = {{InputRole::weights, stage_key_from_hex(kTrainKey)},
                         {InputRole::masks, stage_key_from_hex(kPrune)}};
  EXPECT_EQ(key(StageKind::evaluate, inputs, canonical_json(EvaluateSpec{keyed_lenet(), keyed_mnist()})), kEvaluate);
}

TEST(StageKey, pinned_noop) {
  EXPECT_EQ(key(StageKind::noop, {}, canonical_json(NoopSpec{7})), kNoop);
}

TEST(StageKey, pinned_repair) {
  const Inputs inputs = {{InputRole::weights, stage_key_from_hex(kTrainKey)},
                         {InputRole::masks, stage_key_from_hex(kPrune)}};
  const RepairSpec spec{{true, false, 8, 60, 0.01}, keyed_lenet(), keyed_mnist()};
  EXPECT_EQ(key(StageKind::repair, inputs, canonical_json(spec)), kRepair);
}

TEST(StageKey, only_stages_that_draw_know_the_seed) {
  const std::string noop = canonical_json(NoopSpec{7});
  EXPECT_EQ(key(StageKind::noop, {}, noop, 1), key(StageKind::noop, {}, noop, 2));
  const std::string init = canonical_json(InitSpec{keyed_lenet(), "glorot_normal", "init"});
  EXPECT_NE(key(StageKind::init, {}, init, 1), key(StageKind::init, {}, init, 2));
}

TEST(StageKey, the_order_of_inputs_does_not_matter) {
  const auto weights = std::pair{InputRole::weights, stage_key_from_hex(kTrainKey)};
  const auto masks = std::pair{InputRole::masks, stage_key_from_hex(kPrune)};
  EXPECT_EQ(key(StageKind::evaluate, {weights, masks}, "{}"), key(StageKind::evaluate, {masks, weights}, "{}"));
}

}  // namespace
}  // namespace espalier
