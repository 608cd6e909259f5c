// Which checkpoint a training goes on from where the coordinator has one too.
#include "worker/artifacts/checkpoint_store.h"

#include <unistd.h>

#include <gtest/gtest.h>

#include "tests/worker/files/fake_supply.h"
#include "worker/artifacts/train_state.h"

namespace espalier {
namespace {

class LatestCheckpoint : public testing::Test {
 protected:
  ~LatestCheckpoint() override { std::filesystem::remove_all(folder_); }

  Safetensors at_step(std::int64_t step) const {
    TrainState state;
    state.step = step;
    return {{{"kind", "training"}, {"state", to_json(state)}}, {}};
  }
  void bring(std::int64_t step) const { write_sealed_file(brought_, key_, at_step(step)); }

  const std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("espalier_checkpoints_" + std::to_string(::getpid()));
  const StageKey key_{sha256("a training")};
  FakeSupply supply_{folder_};
  const std::filesystem::path brought_ = supply_.place(file_of_stage(FileKind::checkpoint, key_));
  CheckpointStore store_{StorePaths{folder_}.checkpoints(), &supply_};
};

TEST_F(LatestCheckpoint, IsTheOneThatGotFurther) {
  EXPECT_EQ(store_.latest(key_, false), store_.path_of(key_));  // there is none
  bring(5);
  EXPECT_EQ(store_.latest(key_, false), brought_);
  store_.write(key_, at_step(7), SendWhen::now);
  EXPECT_EQ(store_.latest(key_, false), store_.path_of(key_));
}

TEST_F(LatestCheckpoint, OfTheCoordinatorStaysForTheNextMachine) {
  bring(5);
  store_.latest(key_, false);
  EXPECT_TRUE(std::filesystem::exists(brought_));
  store_.write(key_, at_step(7), SendWhen::now);
  store_.latest(key_, false);
  EXPECT_TRUE(std::filesystem::exists(brought_));
}

TEST_F(LatestCheckpoint, OfAGangIsOneThatAllItsMachinesCanHave) {
  store_.write(key_, at_step(7), SendWhen::later);  // and was not sent before its pool was killed
  EXPECT_EQ(store_.latest(key_, true), std::nullopt);
  bring(5);
  EXPECT_EQ(store_.latest(key_, true), brought_);
  EXPECT_EQ(CheckpointStore(StorePaths{folder_}.checkpoints(), nullptr).latest(key_, true), store_.path_of(key_));
}

}  // namespace
}  // namespace espalier
