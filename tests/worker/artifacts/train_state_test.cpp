#include "worker/artifacts/train_state.h"

#include <cmath>
#include <filesystem>
#include <limits>
#include <string>
#include <unistd.h>

#include <gtest/gtest.h>

#include "base/error.h"
#include "worker/files/sealed_file.h"

namespace espalier {
namespace {

TEST(TrainState, IsExactForEveryDouble) {
  TrainState state;
  state.step = 7;
  state.diverged = true;
  state.loss_sum = 0.1 + 0.2;
  state.loss_count = 3;
  state.metrics = {{5, "lr", 1e-300}};
  state.metrics.push_back({6, "train_loss", std::nan("")});
  state.best_validation_loss = std::numeric_limits<double>::infinity();
  const TrainState back = parse_train_state(to_json(state));
  EXPECT_EQ(back.step, 7);
  EXPECT_TRUE(back.diverged);
  EXPECT_EQ(back.loss_sum, 0.1 + 0.2);
  EXPECT_EQ(back.metrics.at(0).value, 1e-300);
  EXPECT_TRUE(std::isnan(back.metrics.at(1).value));
  EXPECT_EQ(back.best_validation_loss, state.best_validation_loss);
  EXPECT_FALSE(back.test_accuracy_at_best_validation);
  EXPECT_EQ(to_json(back), to_json(state));
}

TEST(TrainState, ALongTrainingsCurvesSurviveItsCheckpoint) {
  TrainState state;
  for (std::int64_t point = 0; point < 50000; ++point) {
    state.metrics.push_back({point * 10, "validation_accuracy", 1.0 / static_cast<double>(point + 3)});
  }
  const auto folder = std::filesystem::temp_directory_path() / ("espalier_curves_" + std::to_string(::getpid()));
  const StageKey key{sha256("long")};
  write_sealed_file(folder / "checkpoint", key, {{{"state", to_json(state)}}, {}});
  const auto file = read_sealed_file(folder / "checkpoint", key);
  ASSERT_TRUE(file);
  EXPECT_EQ(to_json(parse_train_state(file->content.metadata.at("state"))), to_json(state));
  std::filesystem::remove_all(folder);
}

TEST(TrainState, DamageIsCorrupt) {
  for (const char* text : {"", "{}", "[]", R"({"step":"x"})"}) {
    try {
      parse_train_state(text);
      ADD_FAILURE() << text;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::corrupt);
    }
  }
}

}  // namespace
}  // namespace espalier
