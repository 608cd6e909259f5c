// Sweeps whose ranks share one GPU, through every process.
#include <cmath>
#include <map>

#include <SQLiteCpp/SQLiteCpp.h>

#include "tests/e2e/poison_sweep.h"
#include "tests/worker/device_under_test.h"

namespace espalier {
namespace {

class GpuSweeps : public PoisonSweep {
 protected:
  void SetUp() override {
    PoisonSweep::SetUp();
    ESPALIER_NEEDS_DEVICE_UNDER_TEST();
  }

  static bool on_gpu() { return device_under_test() != "cpu"; }
  ProgramEnd run_on_two(const std::string& sweep, const std::string& store, const std::string& device,
                        const std::vector<std::string>& options = {}) {
    std::vector<std::string> command{"run", sweep, "--store", store, "--workers", "2", "--device", device, "--quiet"};
    command.insert(command.end(), options.begin(), options.end());
    return Program(espalier_command(command)).wait(400);
  }
  std::string number_in(const std::string& store, const std::string& sql) {
    SQLite::Database database(store + "/espalier.db");
    return database.execAndGet(sql).getString();
  }
};

// The accuracies are of 500 examples, after trainings whose sums were rounded otherwise.
TEST_F(GpuSweeps, TwoRanksShareOneGpuAndFindWhatTheCpuFinds) {
  const std::string plain = small_sweep();
  std::ifstream text(plain);
  const std::string sweep = write("shared.yaml", std::string(std::istreambuf_iterator<char>(text), {}) +
                                                     (on_gpu() ? "resources: {gpus: 0.5}\n" : ""));
  const ProgramEnd there = run_on_two(sweep, store("there"), device_under_test());
  ASSERT_EQ(there.exit_code, 0) << there.out << there.err;
  const ProgramEnd here = run_on_two(plain, store("here"), "cpu");
  ASSERT_EQ(here.exit_code, 0) << here.out << here.err;
  std::map<std::string, double> expected;
  for (const auto& row : results_of(store("here"))) expected[row.at("trial_key")] = row.at("accuracy");
  const nlohmann::json rows = results_of(store("there"));
  ASSERT_EQ(rows.size(), 29U);
  ASSERT_EQ(expected.size(), 29U);
  double sum = 0;
  for (const auto& row : rows) {
    const double difference = row.at("accuracy").get<double>() - expected.at(row.at("trial_key"));
    EXPECT_LT(std::abs(difference), 0.1) << row;
    sum += difference / 29;
  }
  EXPECT_LT(std::abs(sum), 0.02);
  EXPECT_EQ(number_in(store("there"), "select count(distinct rank) from attempts where how = 'finished'"), "2");
  EXPECT_EQ(number_in(store("there"), "select group_concat(distinct json ->> '$.device') from environments"),
            device_under_test());
}

// Their sums, and those of batch norms, pass through the host's memory.
TEST_F(GpuSweeps, TwoRanksTrainOneNetworkOnOneGpu) {
  const std::string sweep = write("gang.yaml",
                                  "sweep: gang\n"
                                  "ranks_per_trial: 2\n"
                                  "dataset: {name: glyphs, train: 240, validation: 40, test: 40}\n"
                                  "model: resnet-20\n"
                                  "seeds: 1\n"
                                  "train: {optimizer: sgd, lr: 0.01, momentum: 0.9, batch_size: 40, steps: 4}\n");
  const std::string loss = "select value from metrics where name = 'train_loss' order by step desc limit 1";
  std::vector<double> losses;
  for (const std::string& device : {device_under_test(), std::string("cpu")}) {
    const std::string place = store(device + std::to_string(losses.size()));
    const ProgramEnd end = run_on_two(sweep, place, device);
    ASSERT_EQ(end.exit_code, 0) << end.out << end.err;
    losses.push_back(std::stod(number_in(place, loss)));
  }
  EXPECT_GT(losses[1], 0);
  EXPECT_NEAR(losses[0], losses[1], 1e-2 * losses[1]);
}

// Nothing else runs on the GPU beside this one.
class GpuFullSweeps : public GpuSweeps {};

TEST_F(GpuFullSweeps, ARankThatFillsTheGpuLosesItsJobAndNoOther) {
  const ProgramEnd end =
      run_on_two(sweep_with("fills_memory", 20), store(), device_under_test(),
                 on_gpu() ? std::vector<std::string>{} : std::vector<std::string>{"--memory-per-rank", "1"});
  EXPECT_EQ(end.exit_code, 1) << end.out << end.err;
  EXPECT_EQ(results_of(store()).size(), 20U);
  const std::string poisoned = "(select id from stages where kind = 'train' and label like '%torchscript%')";
  EXPECT_EQ(
      number_in(store(),
                "select group_concat(distinct cause) from failures where quarantined = 1 and stage_id = " + poisoned),
      on_gpu() ? "oom_gpu" : "oom_host");
  EXPECT_EQ(number_in(store(), "select count(*) from failures where quarantined = 1 and stage_id <> " + poisoned), "0");
}

}  // namespace
}  // namespace espalier
