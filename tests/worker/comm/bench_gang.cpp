// Steps a second of one network at the same global batch, by one rank and by two. Usage:
//   mpirun -np 2 bench_gang FOLDER [model [batch [steps]]]
// On glyphs for models of MNIST's size; another batch tells what the sums of a step cost against its work.
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <unistd.h>
#include <vector>

#include "base/sha256.h"
#include "experiments/datasets/dataset.h"
#include "experiments/stages/stage_spec.h"
#include "tests/worker/comm/small_pool.h"
#include "worker/machine/blas_kernel.h"

namespace espalier {
namespace {

struct Setting {
  std::string folder = "bench_gang";
  std::string model = "lenet-5";
  std::int64_t batch = 256;
  std::int64_t steps = 200;
};

WorkerSettings settings_of(const Setting& setting) {
  WorkerSettings settings;
  settings.artifacts = std::filesystem::path(setting.folder) / "artifacts";
  settings.checkpoints = std::filesystem::path(setting.folder) / "checkpoints";
  settings.checkpoint_every = std::chrono::hours(1);
  settings.device = "cpu";
  return settings;
}

std::vector<JobStage> stages_of(const Setting& setting, const DatasetSpec& dataset, int ranks, int repeat) {
  TrainSpec spec;
  spec.model = {setting.model, dataset.shape, dataset.classes};
  spec.dataset = dataset;
  spec.optimizer.name = "sgd";
  spec.optimizer.lr = 0.01;
  spec.batch_size = setting.batch;
  spec.end_step = setting.steps;
  spec.eval_every = setting.steps + 1;
  spec.ranks = ranks;
  JobStage init, train;
  init.key = {sha256("init")};
  init.kind = StageKind::init;
  init.spec = canonical_json(InitSpec{spec.model, "kaiming_normal", "init"});
  train.key = {sha256("train " + std::to_string(ranks) + "/" + std::to_string(repeat))};
  train.kind = StageKind::train;
  train.spec = canonical_json(spec);
  train.inputs = {{InputRole::weights, init.key}};
  return {init, train};
}

double steps_per_second(SmallPool& pool, const Setting& setting, const DatasetSpec& dataset, int ranks, int repeat) {
  const std::vector<int> gang = ranks == 1 ? std::vector<int>{0} : std::vector<int>{0, 1};
  const SmallPool::End end = pool.end_of(pool.start(stages_of(setting, dataset, ranks, repeat), gang));
  if (end.outcomes.size() != 2 || end.outcomes[1].failure) {
    std::fprintf(stderr, "bench_gang: %s\n", end.outcomes.back().failure->message.c_str());
    std::exit(1);
  }
  return static_cast<double>(setting.steps) / end.outcomes[1].wall_s;
}

void compare(SmallPool& pool, const Setting& setting) {
  DatasetRequest request;
  request.name = "glyphs";
  request.train = 10 * setting.batch + 100;
  request.validation = 100;
  request.test = 100;
  const DatasetSpec dataset = resolve_dataset(request, {});
  steps_per_second(pool, setting, dataset, 2, 0);  // loads the data everywhere
  for (int repeat = 1; repeat <= 3; ++repeat) {
    const double one = steps_per_second(pool, setting, dataset, 1, repeat);
    const double two = steps_per_second(pool, setting, dataset, 2, repeat);
    std::printf("%s, batch %ld: 1 rank %.1f steps/s, 2 ranks %.1f steps/s, ratio %.2f\n", setting.model.c_str(),
                static_cast<long>(setting.batch), one, two, two / one);
  }
}

}  // namespace
}  // namespace espalier

/// Started by itself, it has mpirun start it twice.
void start_under_mpirun(int count, char** arguments) {
  if (std::getenv("OMPI_COMM_WORLD_SIZE") != nullptr) return;
  std::vector<std::string> words{"mpirun", "-np", "2", "--bind-to", "none", "--oversubscribe"};
  words.insert(words.end(), arguments, arguments + count);
  std::vector<char*> command;
  for (std::string& word : words) command.push_back(word.data());
  command.push_back(nullptr);
  for (const char* name :
       {"OMPI_ALLOW_RUN_AS_ROOT", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"})
    ::setenv(name, "1", 0);
  ::execvp("mpirun", command.data());
  std::fprintf(stderr, "bench_gang: there is no mpirun; nothing is measured\n");
  std::exit(0);
}

int main(int count, char** arguments) {
  using namespace espalier;
  start_under_mpirun(count, arguments);
  const std::string note = ensure_fast_blas_kernel(arguments);
  install_leave_signals();
  Mailbox mailbox(&count, &arguments);
  Setting setting;
  if (count > 1) setting.folder = arguments[1];
  if (count > 2) setting.model = arguments[2];
  if (count > 3) setting.batch = std::atoll(arguments[3]);
  if (count > 4) setting.steps = std::atoll(arguments[4]);
  if (mailbox.rank() != 0) {
    CacheFolder cache(std::filesystem::path(setting.folder) / "cache", 0);
    RankFiles files(StorePaths{setting.folder}, cache);
    run_member(mailbox, settings_of(setting), files, cache);
    return 0;
  }
  if (mailbox.size() != 2) std::fprintf(stderr, "bench_gang: to be started by mpirun -np 2\n");
  if (mailbox.size() != 2) mailbox.abort(2);
  SmallPool pool(mailbox, settings_of(setting));
  std::printf("%s\nBLAS kernel: %s\n", note.c_str(), blas_kernel_in_use().c_str());
  compare(pool, setting);
  pool.leave();
  std::filesystem::remove_all(setting.folder);
}
