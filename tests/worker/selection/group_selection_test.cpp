#include "worker/selection/group_selection.h"

#include <limits>
#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/random.h"

namespace espalier {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

using Shape = std::vector<std::int64_t>;
using Mask = std::vector<std::uint8_t>;

SelectionRules groups_with_ties(Ties ties, bool revive = false) {
  SelectionRules rules;
  rules.ties = ties;
  rules.revive = revive;
  return rules;
}

template <typename Action>
void expect_refused(ErrorKind kind, const std::string& text, Action action) {
  try {
    action();
    ADD_FAILURE() << "not refused: " << text;
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind);
    EXPECT_THAT(error.what(), HasSubstr(text));
  }
}

TEST(NOfM, KeepsTheBestOfConsecutiveInputs) {
  const std::vector<float> scores{4, 3, 2, 1, 1, 5, 6, 0,  //
                                  0, 9, 0, 8, 7, 7, 7, 7};
  const ScoredLayer layer{"fc1", scores, {}};
  EXPECT_THAT(select_n_of_m(layer, Shape{2, 8}, 2, 4), ElementsAre(1, 1, 0, 0, 0, 1, 1, 0,  //
                                                                   0, 1, 0, 1, 1, 1, 0, 0));
  EXPECT_THAT(select_n_of_m(layer, Shape{2, 8}, 1, 8), ElementsAre(0, 0, 0, 0, 0, 0, 1, 0,  //
                                                                   0, 1, 0, 0, 0, 0, 0, 0));
}

/// [1, 4, 1, 2]: memory is channel 0 at positions 0 and 1, then channel 1, ...
TEST(NOfM, InConvLayersGroupsChannelsAtOnePosition) {
  const std::vector<float> scores{1, 8, 2, 7, 3, 6, 4, 5};
  EXPECT_THAT(select_n_of_m({"conv1", scores, {}}, Shape{1, 4, 1, 2}, 2, 4), ElementsAre(0, 1, 0, 1, 1, 0, 1, 0));
}

TEST(NOfM, EachGroupIsASelectionOfItsOwn) {
  RandomStream random(0, "test");
  for (int round = 0; round < 100; ++round) {
    const std::int64_t m = 2 + static_cast<std::int64_t>(random.below(5)),
                       n = 1 + static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(m - 1)));
    const Shape shape{3, m * 2, 1, 2};
    std::vector<float> scores(static_cast<std::size_t>(3 * m * 2 * 2));
    for (float& score : scores) score = static_cast<float>(random.below(5)) - 2;
    Mask surviving(scores.size());
    for (auto& alive : surviving) alive = random.below(4) > 0;
    for (const Ties ties : {Ties::first, Ties::last, Ties::drop, Ties::keep}) {
      const Mask mask = select_n_of_m({"conv1", scores, surviving}, shape, n, m, groups_with_ties(ties));
      for (std::size_t group = 0; group < scores.size(); group += static_cast<std::size_t>(2 * m)) {
        for (std::size_t position = 0; position < 2; ++position) {
          std::vector<float> own;
          Mask alive, kept;
          for (std::size_t i = group + position; i < group + static_cast<std::size_t>(2 * m); i += 2) {
            own.push_back(scores[i]);
            alive.push_back(surviving[i]);
            kept.push_back(mask[i]);
          }
          PruneTarget target;
          target.total_kept = std::min(n, std::accumulate(alive.begin(), alive.end(), std::int64_t{0}));
          ASSERT_EQ(kept, select_kept({{"group", own, alive}}, target, groups_with_ties(ties))[0]) << round;
        }
      }
    }
  }
}

TEST(NOfM, RefusesWhatDoesNotDivideAndNaN) {
  const std::vector<float> scores(12, 1.0F);
  const ScoredLayer layer{"fc1", scores, {}};
  expect_refused(ErrorKind::invalid_input, "fc1", [&] { select_n_of_m(layer, Shape{2, 6}, 2, 4); });
  expect_refused(ErrorKind::invalid_input, "fc1", [&] { select_n_of_m(layer, Shape{12}, 2, 4); });
  expect_refused(ErrorKind::internal, "fc1", [&] { select_n_of_m(layer, Shape{2, 4}, 2, 4); });
  std::vector<float> bad = scores;
  bad[7] = std::numeric_limits<float>::quiet_NaN();
  Mask surviving(12, 1);
  expect_refused(ErrorKind::numeric, "weight 7 of layer fc1", [&] {
    select_n_of_m({"fc1", bad, surviving}, Shape{3, 4}, 2, 4);
  });
  surviving[7] = 0;
  EXPECT_THAT(select_n_of_m({"fc1", bad, surviving}, Shape{3, 4}, 3, 4),
              ElementsAre(1, 1, 1, 0, 1, 1, 1, 0, 1, 1, 1, 0));
  expect_refused(ErrorKind::numeric, "weight 7", [&] {
    select_n_of_m({"fc1", bad, surviving}, Shape{3, 4}, 2, 4, groups_with_ties(Ties::first, true));
  });
}

TEST(PerRow, EachRowKeepsItsOwnBest) {
  const std::vector<float> scores{1, 2, 3,  //
                                  9, 8, 9};
  EXPECT_THAT(select_per_row({"fc1", scores, {}}, 2, 4), ElementsAre(0, 1, 1, 1, 0, 1));
  EXPECT_THAT(select_per_row({"fc1", scores, {}}, 2, 2), ElementsAre(0, 0, 1, 1, 0, 0));
  EXPECT_THAT(select_per_row({"fc1", scores, {}}, 2, 2, groups_with_ties(Ties::last)), ElementsAre(0, 0, 1, 0, 0, 1));
  EXPECT_THAT(select_per_row({"fc1", scores, {}}, 2, 0), ElementsAre(0, 0, 0, 0, 0, 0));
  const Mask surviving{1, 1, 0, 1, 1, 0};
  EXPECT_THAT(select_per_row({"fc1", scores, surviving}, 2, 2), ElementsAre(0, 1, 0, 1, 0, 0));
  EXPECT_THAT(select_per_row({"fc1", scores, surviving}, 2, 2, groups_with_ties(Ties::first, true)),
              ElementsAre(0, 0, 1, 1, 0, 0));
}

TEST(PerRow, RefusesCountsThatRowsCannotShareOrHold) {
  const std::vector<float> scores{1, 2, 3, 4, std::numeric_limits<float>::quiet_NaN(), 6};
  const Mask surviving{1, 1, 0, 1, 0, 0};
  expect_refused(ErrorKind::invalid_input, "fc1", [&] { select_per_row({"fc1", scores, surviving}, 2, 3); });
  expect_refused(ErrorKind::invalid_input, "fc1 (row 1)", [&] { select_per_row({"fc1", scores, surviving}, 2, 4); });
  expect_refused(ErrorKind::numeric, "fc1 (row 1)", [&] { select_per_row({"fc1", scores, {}}, 2, 4); });
}

}  // namespace
}  // namespace espalier
