#include "experiments/expand/gradual_steps.h"

#include <gmock/gmock.h>

namespace espalier {
namespace {

using testing::ElementsAre;

TEST(GradualSteps, TheFirstUpdateIsOneIntervalAfterTheStartAndTheLastEndsIt) {
  const GradualSteps steps = gradual_steps(100, 500, 100, false, std::nullopt);
  EXPECT_EQ(steps.first_step, 200);
  EXPECT_EQ(steps.every, 100);
  EXPECT_THAT(steps.progress, ElementsAre(0.25, 0.5, 0.75, 1.0));
}

TEST(GradualSteps, ProgressIsCountedUpToTheLastUpdateNotToTheEnd) {
  const GradualSteps steps = gradual_steps(0, 250, 100, false, std::nullopt);
  EXPECT_EQ(steps.first_step, 100);
  EXPECT_THAT(steps.progress, ElementsAre(0.5, 1.0));  // at 100 and 200
}

TEST(GradualSteps, WithAnInitialSparsityThereIsAnUpdateAtTheStart) {
  const GradualSteps steps = gradual_steps(100, 300, 100, true, std::nullopt);
  EXPECT_EQ(steps.first_step, 100);
  EXPECT_THAT(steps.progress, ElementsAre(0.0, 0.5, 1.0));
}

TEST(GradualSteps, AnIntervalLongerThanTheWayHasNoUpdate) {
  EXPECT_TRUE(gradual_steps(0, 50, 100, false, std::nullopt).progress.empty());
}

TEST(GradualSteps, ADialectThatIsStepsAheadUpdatesAtMultiplesAndCountsAhead) {
  Dialect dialect;
  dialect.steps_ahead = 1;
  const GradualSteps steps = gradual_steps(150, 450, 100, false, dialect);
  EXPECT_EQ(steps.first_step, 200);
  EXPECT_THAT(steps.progress, ElementsAre(51.0 / 300, 151.0 / 300, 251.0 / 300));
  EXPECT_EQ(gradual_steps(200, 400, 100, false, dialect).first_step, 200);
}

TEST(GradualSteps, ProgressStaysWithinTheSchedule) {
  Dialect dialect;
  dialect.steps_ahead = 5;
  EXPECT_EQ(gradual_progress(100, 200, 50, std::nullopt), 0);
  EXPECT_EQ(gradual_progress(100, 200, 150, std::nullopt), 0.5);
  EXPECT_EQ(gradual_progress(100, 200, 150, dialect), 0.55);
  EXPECT_EQ(gradual_progress(100, 200, 198, dialect), 1);
}

}  // namespace
}  // namespace espalier
