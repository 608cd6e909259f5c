#include "worker/selection/unit_grid.h"

#include <cmath>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/random.h"
#include "worker/selection/selection.h"

namespace espalier {
namespace {

using ::testing::ElementsAre;
using ::testing::FloatEq;

std::vector<float> reduce(const ScoredLayer& layer, const UnitGrid& grid, Reduction reduction) {
  UnitReducer reducer(grid.units(), reduction);
  reducer.add(layer, grid);
  return reducer.scores();
}

TEST(UnitGrid, BlocksKeepWhatIsLeftAtTheEdges) {
  const std::vector<std::int64_t> shape{3, 5};
  const UnitGrid grid = unit_grid(shape, parse_granularity("block 2x3"));
  EXPECT_EQ(grid.units(), 4);
  const std::vector<float> scores{1, 2, 3,  4,  5,   //
                                  6, 7, 8,  9,  10,  //
                                  3, 4, -5, 12, -13};
  const ScoredLayer layer{"fc1", scores, {}};
  // Blocks: {1 2 3 6 7 8} {4 5 9 10} / {3 4 -5} {12 -13}
  EXPECT_THAT(reduce(layer, grid, Reduction::sum), ElementsAre(27, 28, 2, -1));
  EXPECT_THAT(reduce(layer, grid, Reduction::mean), ElementsAre(4.5F, 7, FloatEq(2.0F / 3), -0.5F));
  EXPECT_THAT(reduce(layer, grid, Reduction::l1), ElementsAre(27, 28, 12, 25));
  EXPECT_THAT(reduce(layer, grid, Reduction::max), ElementsAre(8, 10, 4, 12));
  EXPECT_THAT(reduce(layer, grid, Reduction::l2), ElementsAre(FloatEq(std::sqrt(163.0F)), FloatEq(std::sqrt(222.0F)),
                                                              FloatEq(std::sqrt(50.0F)), FloatEq(std::sqrt(313.0F))));
  EXPECT_THAT(expand_units(grid, std::vector<std::uint8_t>{0, 1, 1, 0}, {}), ElementsAre(0, 0, 0, 1, 1,  //
                                                                                         0, 0, 0, 1, 1,  //
                                                                                         1, 1, 1, 0, 0));
}

TEST(UnitGrid, UnitsOfOneTensorFollowItsShape) {
  const std::vector<std::int64_t> conv{4, 6, 3, 3};
  EXPECT_EQ(unit_grid(conv, parse_granularity("weight")).units(), 216);
  EXPECT_EQ(unit_grid(conv, parse_granularity("filter")), (UnitGrid{4, 54, 1, 54}));
  EXPECT_EQ(unit_grid(conv, parse_granularity("row")).units(), 4);
  EXPECT_EQ(unit_grid(conv, parse_granularity("layer")).units(), 1);
  EXPECT_EQ(unit_grid(conv, parse_granularity("block 4x4")).units(), 14);
  EXPECT_EQ(unit_grid_along(conv, 0, 2, "conv1"), (UnitGrid{4, 54, 2, 54}));
  EXPECT_EQ(unit_grid_along(conv, 1, 1, "conv1"), (UnitGrid{4, 54, 4, 9}));
  EXPECT_EQ(unit_grid_along(conv, 1, 3, "conv1").units(), 2);
  EXPECT_THROW(unit_grid(conv, parse_granularity("2:4")), Error);
  try {
    unit_grid_along(conv, 1, 4, "conv1");
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::invalid_input);
    EXPECT_THAT(error.what(), ::testing::HasSubstr("conv1"));
  }
}

/// A head's rows of q and its columns of o: [4, 2] with heads of 2 rows, and [2, 4] with heads of 2 columns.
TEST(UnitReducer, AddsUpCoupledTensors) {
  const std::vector<float> rows{1, 2, 3, 4, 5, 6, 7, 8}, columns{10, 20, 30, 40, 50, 60, 70, 80};
  UnitReducer sum(2, Reduction::sum), mean(2, Reduction::mean);
  for (UnitReducer* reducer : {&sum, &mean}) {
    reducer->add({"q", rows, {}}, unit_grid_along(std::vector<std::int64_t>{4, 2}, 0, 2, "q"));
    reducer->add({"o", columns, {}}, unit_grid_along(std::vector<std::int64_t>{2, 4}, 1, 2, "o"));
  }
  EXPECT_THAT(sum.scores(), ElementsAre(1 + 2 + 3 + 4 + 10 + 20 + 50 + 60, 5 + 6 + 7 + 8 + 30 + 40 + 70 + 80));
  EXPECT_THAT(mean.scores(), ElementsAre(150.0F / 8, 246.0F / 8));
}

TEST(UnitReducer, AddsWholeTensorsToTheUnitsTheyBelongTo) {
  const std::vector<float> first{3, 4}, second{12}, third{5};
  UnitReducer blocks(2, Reduction::l2);
  const auto add = [&](const std::vector<float>& scores, std::int64_t unit) {
    blocks.add({"b", scores, {}}, {1, static_cast<std::int64_t>(scores.size()), 1, 2}, unit);
  };
  add(first, 1);
  add(second, 1);
  add(third, 0);
  EXPECT_THAT(blocks.scores(), ElementsAre(5, 13));
  EXPECT_THROW(add(third, 2), Error);
}

TEST(UnitReducer, LooksAtSurvivorsAlone) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> scores{nan, 2, 9, nan, -8, nan};
  const std::vector<std::uint8_t> surviving{0, 1, 1, 0, 1, 0};
  const UnitGrid pairs{1, 6, 1, 2};
  const UnitGrid halves{1, 6, 1, 3};
  EXPECT_THAT(reduce({"fc1", scores, surviving}, pairs, Reduction::mean), ElementsAre(2, 9, -8));
  EXPECT_THAT(reduce({"fc1", scores, surviving}, halves, Reduction::mean), ElementsAre(5.5F, -8));
  EXPECT_THAT(reduce({"fc1", scores, surviving}, halves, Reduction::max), ElementsAre(9, -8));
  const std::vector<std::uint8_t> less{0, 1, 0, 0, 0, 0};
  UnitReducer reducer(2, Reduction::max);
  reducer.add({"fc1", scores, less}, halves);
  EXPECT_THAT(reducer.scores(), ElementsAre(2, 0));
  EXPECT_THAT(reducer.surviving(), ElementsAre(1, 0));
  try {
    reduce({"fc1", scores, std::vector<std::uint8_t>{0, 1, 1, 1, 1, 1}}, halves, Reduction::sum);
    ADD_FAILURE() << "NaN was added";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::numeric);
    EXPECT_THAT(error.what(), ::testing::HasSubstr("weight 3 of layer fc1"));
  }
}

TEST(ExpandUnits, NeverBringsBackWhatWasRemoved) {
  const std::vector<std::uint8_t> surviving{1, 0, 1, 1}, kept{1, 0};
  EXPECT_THAT(expand_units({2, 2, 1, 2}, kept, surviving), ElementsAre(1, 0, 0, 0));
  EXPECT_THAT(expand_units({2, 2, 1, 2}, kept, {}), ElementsAre(1, 1, 0, 0));
  EXPECT_THROW(expand_units({2, 2, 1, 1}, kept, {}), Error);
}

/// By the definition: the unit of (row, column) is (row / height, column / width).
TEST(UnitGrid, EqualsTheDefinitionOnRandomShapes) {
  RandomStream random(0, "test");
  const auto side = [&](std::uint64_t most) { return static_cast<std::int64_t>(1 + random.below(most)); };
  for (int round = 0; round < 200; ++round) {
    const UnitGrid grid{side(9), side(20), side(5), side(7)};
    std::vector<float> scores(static_cast<std::size_t>(grid.rows * grid.columns));
    for (float& score : scores) score = static_cast<float>(random.below(100));
    std::vector<float> sums(static_cast<std::size_t>(grid.units()), 0);
    std::vector<std::uint8_t> kept(sums.size()), mask;
    for (auto& one : kept) one = random.below(2) != 0;
    for (std::int64_t row = 0; row < grid.rows; ++row) {
      for (std::int64_t column = 0; column < grid.columns; ++column) {
        const auto unit = static_cast<std::size_t>(row / grid.height * grid.units_across() + column / grid.width);
        sums.at(unit) += scores[static_cast<std::size_t>(row * grid.columns + column)];
        mask.push_back(kept[unit]);
      }
    }
    ASSERT_EQ(reduce({"fc", scores, {}}, grid, Reduction::sum), sums);
    ASSERT_EQ(expand_units(grid, kept, {}), mask);
  }
}

}  // namespace
}  // namespace espalier
