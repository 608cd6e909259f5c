// The shipped sweeps on real MNIST, shortened on the command line. Skipped where the data are not: ESPALIER_TEST_DATA
// names the folder that holds mnist/.
#include <cmath>

#include "tests/e2e/sweep_case.h"
#include "tests/needs.h"

namespace espalier {
namespace {

class Mnist : public SweepCase {
 protected:
  void SetUp() override {
    SweepCase::SetUp();
    data_ = folder_named_by("ESPALIER_TEST_DATA", ESPALIER_TEST_DATA_DEFAULT);
    ESPALIER_NEEDS("mnist", std::filesystem::exists(data_ / "mnist"),
                   "no mnist in " << data_ << "; set ESPALIER_TEST_DATA");
  }
  void run(const std::string& sweep, const std::vector<std::string>& overrides) {
    std::vector<std::string> command{"run",     std::string(ESPALIER_SOURCE_DIR) + "/experiments/sweeps/" + sweep,
                                     "--store", store(),
                                     "--data",  data_.string(),
                                     "--quiet"};
    for (const std::string& text : overrides) command.insert(command.end(), {"--set", text});
    const ProgramEnd end = espalier(command);
    ASSERT_EQ(end.exit_code, 0) << end.out << end.err;
  }
  std::filesystem::path data_;
};

TEST_F(Mnist, MagnitudeBeatsRandomAt95Percent) {
  run("mnist-curves.yaml", {"train.epochs=2", "retrain.finetune.epochs=1", "prune.method=magnitude",
                            "prune.sparsity=0.95", "prune.schedule=one_shot"});
  const ProgramEnd end = espalier({"compare", "--store", store(), "--json"});
  ASSERT_EQ(end.exit_code, 0) << end.err;
  int compared = 0;
  for (const nlohmann::json& cell : nlohmann::json::parse(end.out)) {
    if (cell["method"] != "magnitude") continue;
    ++compared;
    EXPECT_EQ(cell["verdict"], "better") << cell;
    EXPECT_GT(cell["ci95_low_pp"], 0) << cell;
    EXPECT_GT(cell["dense_mean_accuracy"], 0.97) << cell;
  }
  EXPECT_EQ(compared, 1);
}

TEST_F(Mnist, TheLotteryTicketLadderIsExact) {
  run("lottery-lenet.yaml", {"dataset={name: mnist, train: 1500, validation: 300, test: 500}", "train.epochs=1",
                             "seeds=1", "controls=[reinit]"});
  // Percent of the weights that are left after each round (Frankle & Carbin 2019), from 20 % a round and 10 % of the
  // last layer.
  const std::vector<double> ladder{100,   80.04, 64.06, 51.28, 41.05, 32.87, 26.32, 21.07,
                                   16.88, 13.52, 10.83, 8.68,  6.95,  5.57,  4.47,  3.58};
  std::vector<int> seen(ladder.size(), 0);
  for (const nlohmann::json& row : results_of(store())) {
    const auto round = row["rounds"].get<std::size_t>();
    ASSERT_LT(round, ladder.size());
    EXPECT_LE(std::abs(100 * (1 - row["sparsity"].get<double>()) - ladder[round]), 0.01) << row;
    ++seen[round];
  }
  EXPECT_EQ(seen[0], 1);
  for (std::size_t round = 1; round < ladder.size(); ++round)
    EXPECT_EQ(seen[round], 2) << "the ticket and its reinit control, round " << round;
}

}  // namespace
}  // namespace espalier
