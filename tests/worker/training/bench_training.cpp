// One epoch of LeNet-300-100 at batch 128 through our train path, and the same epoch as a bare LibTorch loop, in turns.
// Usage: bench_training [repeats [lenet-5]]. Uses MNIST from $ESPALIER_DATA or ./data if it is there, else random bytes
// of its size.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include <torch/torch.h>

#include "base/error.h"
#include "base/random.h"
#include "tests/worker/cpu.h"
#include "worker/machine/blas_kernel.h"
#include "worker/network/initialization.h"
#include "worker/training/trainer.h"

namespace espalier {
namespace {

constexpr std::int64_t kBatch = 128;

Examples random_images(std::int64_t count, RandomStream& random) {
  Examples images;
  images.count = count;
  for (std::int64_t i = 0; i < count * 784; ++i) images.pixels.push_back(static_cast<std::uint8_t>(random.next_u64()));
  for (std::int64_t i = 0; i < count; ++i) images.labels.push_back(static_cast<std::uint8_t>(random.below(10)));
  return images;
}

struct Data {
  DatasetSpec spec;
  Dataset images;
};

Data load() {
  try {
    DatasetRequest request;
    request.name = "mnist";
    const DataFolder folder = data_folder("");
    const DatasetSpec spec = resolve_dataset(request, folder);
    return {spec, load_dataset(spec, "", folder)};
  } catch (const Error& error) {
    std::printf("random bytes instead of MNIST: %s\n", error.what());
    RandomStream random(0, "bench");
    return {{"random", "random", 55000, 0, 0, {1, 28, 28}, 10, 0}, {random_images(55000, random), {}, {}}};
  }
}

double seconds(const std::function<void()>& work) {
  const auto started = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
}

/// Our path: the trainer as a train stage uses it, every validation look left out as the bare loop has none.
class Ours {
 public:
  Ours(const ModelSpec& model, const Data& data)
      : data_(data.images, data.spec, kCpu), network_(describe_model(model), kCpu) {
    spec_.model = model;
    spec_.dataset = data.spec;
    spec_.optimizer.name = "adam";
    spec_.optimizer.lr = 1.2e-3;
    spec_.batch_size = kBatch;
    spec_.end_step = (data.spec.train + kBatch - 1) / kBatch;
  }
  double epoch() {
    InitSpec init;
    init.scheme = "glorot_normal";
    init.stream = "init";
    initialize(network_, init, 0);
    return seconds([&] {
      Trainer trainer(spec_, 0, network_, data_);
      while (!trainer.finished()) trainer.take_step();
    });
  }

 private:
  ResidentDataset data_;
  Network network_;
  TrainSpec spec_;
};

/// What one writes with LibTorch alone: modules, torch::optim::Adam, batches by index_select from a float tensor.
class Bare {
 public:
  Bare(const ModelSpec& model, const Data& data) : model_(model) {
    const ResidentDataset resident(data.images, data.spec, kCpu);
    const Batch all = resident.slice(resident.train(), 0, data.spec.train);
    images_ = all.images.clone();
    labels_ = all.labels.clone();
  }
  double epoch() {
    torch::nn::Sequential network = make();
    torch::optim::Adam adam(network->parameters(), torch::optim::AdamOptions(1.2e-3));
    return seconds([&] {
      const torch::Tensor order = torch::randperm(images_.size(0), torch::kLong);
      double loss_sum = 0;
      for (std::int64_t first = 0; first < images_.size(0); first += kBatch) {
        const torch::Tensor indices = order.narrow(0, first, std::min(kBatch, images_.size(0) - first));
        adam.zero_grad();
        const torch::Tensor loss = torch::nn::functional::cross_entropy(
            network->forward(images_.index_select(0, indices)), labels_.index_select(0, indices));
        loss.backward();
        adam.step();
        loss_sum += loss.item<double>();
      }
    });
  }

 private:
  torch::nn::Sequential make() const {
    using namespace torch::nn;
    if (model_.name == "lenet-5") {
      return Sequential(Conv2d(Conv2dOptions(1, 20, 5)), ReLU(), MaxPool2d(2), Conv2d(Conv2dOptions(20, 50, 5)), ReLU(),
                        MaxPool2d(2), Flatten(), Linear(800, 500), ReLU(), Linear(500, 10));
    }
    return Sequential(Flatten(), Linear(784, 300), ReLU(), Linear(300, 100), ReLU(), Linear(100, 10));
  }
  ModelSpec model_;
  torch::Tensor images_, labels_;
};

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void compare(const char* model, const Data& data, int repeats) {
  const ModelSpec spec{model, {1, 28, 28}, 10};
  Ours ours(spec, data);
  Bare bare(spec, data);
  std::vector<double> our_times, bare_times;
  for (int i = 0; i < repeats; ++i) {
    our_times.push_back(ours.epoch());
    bare_times.push_back(bare.epoch());
  }
  const double our = median(our_times), theirs = median(bare_times);
  std::printf("%-14s one epoch, batch %ld: ours %.3f s, bare LibTorch %.3f s, ratio %.3f (at most 1.25 is wanted)\n",
              model, static_cast<long>(kBatch), our, theirs, our / theirs);
}

}  // namespace
}  // namespace espalier

int main(int count, char** arguments) {
  const std::string note = espalier::ensure_fast_blas_kernel(arguments);
  std::printf("%s\nBLAS kernel: %s\n", note.c_str(), espalier::blas_kernel_in_use().c_str());
  espalier::use_one_blas_thread();
  at::set_num_threads(1);
  const int repeats = count > 1 ? std::max(1, std::atoi(arguments[1])) : 5;
  const espalier::Data data = espalier::load();
  espalier::compare("lenet-300-100", data, repeats);
  if (count > 2) espalier::compare(arguments[2], data, repeats);
}
