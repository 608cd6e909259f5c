// experiments/sweeps/shrink.yaml in short: small networks that pruning made, beside some that were small from the
// start.
#include <cstring>
#include <map>
#include <string>

#include <gmock/gmock.h>

#include "tests/e2e/sweep_case.h"

namespace espalier {
namespace {

class ShrinkSweep : public SweepCase {
 protected:
  static std::string name_of(const nlohmann::json& row) {
    return row.at("model").get<std::string>() + " " + row.at("granularity").get<std::string>() + " " +
           row.at("control").get<std::string>();
  }
};

TEST_F(ShrinkSweep, ASmallDenseNetworkComputesAsMuchAsThePrunedOne) {
  const ProgramEnd run =
      espalier({"run", ESPALIER_SOURCE_DIR "/experiments/sweeps/shrink.yaml", "--set", "seeds=1", "--set",
                "dataset={name: glyphs, train: 300, test: 50}", "--set", "model=[resnet-20, transformer-4x16x4]",
                "--set", "train.steps=4it", "--set", "prune.sparsity=0.5", "--set",
                "retrain={finetune: {steps: 2it, lr: 1e-3}}", "--store", store(), "--workers", "1", "--quiet"});
  ASSERT_EQ(run.exit_code, 0) << run.out << run.err;
  std::map<std::string, nlohmann::json> rows;
  for (const nlohmann::json& row : results_of(store())) rows[name_of(row)] = row;
  ASSERT_EQ(rows.size(), 2U + 5 * 3);
  for (const char* cell : {"resnet-20 channel l2", "resnet-20 layer l2", "transformer-4x16x4 channel l2",
                           "transformer-4x16x4 head l2", "transformer-4x16x4 layer l2"}) {
    const nlohmann::json &method = rows.at(std::string(cell) + " none"),
                         &small = rows.at(std::string(cell) + " small_dense");
    EXPECT_LT(method.at("params_shrunk"), method.at("params_total")) << cell;
    EXPECT_LT(method.at("file_bytes"), rows.at(std::string(cell, std::strcspn(cell, " ")) + "  none").at("file_bytes"));
    EXPECT_NEAR(small.at("madds_shrunk").get<double>() / method.at("madds_shrunk").get<double>(), 1, 0.03) << cell;
    EXPECT_EQ(small.at("retrain"), method.at("retrain")) << cell;
    EXPECT_EQ(small.at("train_steps"), 4 + 6) << cell << ": the dense training whose masks it took, and its own";
  }
  const ProgramEnd compare = espalier({"compare", "--store", store()});
  EXPECT_THAT(compare.out, testing::ContainsRegex("magnitude +small_dense")) << compare.out;
  const ProgramEnd results = espalier({"results", "--store", store()});
  EXPECT_THAT(results.out, testing::AllOf(testing::HasSubstr("params left"), testing::HasSubstr("file bytes")));
}

}  // namespace
}  // namespace espalier
