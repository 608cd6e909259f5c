// What criteria score, remove and repair on a GPU, beside what they do on the CPU.
#include <algorithm>
#include <cmath>
#include <optional>
#include <string>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/random.h"
#include "experiments/catalog/catalog.h"
#include "experiments/models/model_description.h"
#include "experiments/pruning/prune_scopes.h"
#include "tests/worker/cpu.h"
#include "tests/worker/device_under_test.h"
#include "worker/criteria/criterion.h"
#include "worker/network/initialization.h"
#include "worker/pruning/prune_network.h"

namespace espalier {
namespace {

constexpr std::int64_t kGpuExamples = 12;
constexpr std::uint64_t kGpuSeed = 7;

DatasetSpec random_images() {
  DatasetSpec spec;
  spec.name = "random";
  spec.train = kGpuExamples;
  spec.shape = {4, 4, 4};
  spec.classes = 3;
  return spec;
}

ResidentDataset random_images_on(const at::Device& device) {
  Dataset images;
  RandomStream random(3, "examples");
  images.train.count = kGpuExamples;
  for (std::int64_t i = 0; i < kGpuExamples * 64; ++i)
    images.train.pixels.push_back(static_cast<std::uint8_t>(256 * random.uniform()));
  for (std::int64_t i = 0; i < kGpuExamples; ++i) images.train.labels.push_back(static_cast<std::uint8_t>(i % 3));
  return ResidentDataset(images, random_images(), device);
}

/// One criterion on one network, on a device.
class PruningOn {
 public:
  PruningOn(const std::string& model, const std::string& criterion, const std::string& granularity, at::Device device)
      : device_(device), data_(random_images_on(device)), network_(describe_model({model, {4, 4, 4}, 3}), device) {
    InitSpec init;
    init.scheme = "kaiming_normal";
    init.stream = "init";
    initialize(network_, init, kGpuSeed);
    spec_.criterion = criterion;
    spec_.granularity = granularity;
    if (default_options(find_criterion(criterion)).contains("rounds")) spec_.options["rounds"] = 3;
    if (find_criterion(criterion).needs == CriterionNeeds::needs_nothing) return;
    spec_.dataset = random_images();
    spec_.batches = 2;
    spec_.batch_size = 5;
  }

  Scores scores() {
    const PruneBatches batches(spec_, &data_, kGpuSeed, 0, device_);
    return find_score(spec_.criterion)({network_, true, kGpuSeed, batches.count(),
                                        [&](std::int64_t index) { return batches.batch(index); },
                                        default_options(find_criterion(spec_.criterion))});
  }

  /// Two fifths of every scope stay. What was refused, if it was.
  std::string prune() {
    PruneTarget target;
    try {
      for (const PruneScope& scope :
           prune_scopes(network_.description(), parse_granularity(spec_.granularity), spec_.criterion, {})) {
        target.layer_kept.push_back(std::max<std::int64_t>(1, scope.units * 2 / 5));
        target.total_kept += target.layer_kept.back();
      }
      const PruneBatches batches(spec_, &data_, kGpuSeed, 0, device_);
      prune_network(network_, {spec_, target, kGpuSeed, true, batches});
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::invalid_input) throw;
      return error.what();
    }
    return "";
  }

  NamedTensors masks() const { return network_.masks(); }
  NamedTensors weights() const { return network_.weights(); }

 private:
  at::Device device_;
  ResidentDataset data_;
  Network network_;
  PruneSpec spec_;
};

/// |a - b| / |b|, Euclidean.
double distance(const at::Tensor& a, const at::Tensor& b) {
  const at::Tensor from = b.to(at::kCPU, at::kDouble);
  const double norm = from.norm().item<double>();
  return a.to(at::kCPU, at::kDouble).sub(from).norm().item<double>() / (norm > 0 ? norm : 1);
}

class GpuPruning : public testing::Test {
 protected:
  void SetUp() override {
    ESPALIER_NEEDS_DEVICE_UNDER_TEST();
    device_.emplace(device_under_test());
  }
  std::optional<at::Device> device_;
};

// To a hundred times what two kernels of OpenBLAS differ by.
TEST_F(GpuPruning, ScoresAreTheCpus) {
  int scored = 0;
  for (const std::string model : {"mlp-16-12", "resnet-20"}) {
    for (const CriterionEntry& criterion : list_criteria()) {
      if (criterion.scores == CriterionScores::repairs_weights) continue;
      if (model == "resnet-20" && criterion.most_weights < 270'000) continue;
      SCOPED_TRACE(model + ": " + std::string(criterion.name));
      const Scores there = PruningOn(model, std::string(criterion.name), "weight", *device_).scores();
      const Scores here = PruningOn(model, std::string(criterion.name), "weight", kCpu).scores();
      ASSERT_EQ(there.size(), here.size());
      for (std::size_t layer = 0; layer < here.size(); ++layer) {
        ASSERT_EQ(there[layer].defined(), here[layer].defined()) << layer;
        if (!here[layer].defined()) continue;
        ++scored;
        EXPECT_LT(distance(there[layer], here[layer]), 1e-4) << "layer " << layer;
      }
    }
  }
  EXPECT_GT(scored, 200);
}

// Scores that rounding sets apart may change places.
TEST_F(GpuPruning, WhatStaysIsWhatStaysOnTheCpu) {
  int pruned = 0;
  for (const std::string model : {"mlp-16-12", "resnet-20"}) {
    for (const CriterionEntry& criterion : list_criteria()) {
      for (const char* granularity : {"weight", "filter l2", "2:4"}) {
        SCOPED_TRACE(model + ": " + std::string(criterion.name) + ", " + granularity);
        PruningOn there(model, std::string(criterion.name), granularity, *device_);
        PruningOn here(model, std::string(criterion.name), granularity, kCpu);
        const std::string refusal = here.prune();
        ASSERT_EQ(there.prune(), refusal);
        if (!refusal.empty()) continue;
        ++pruned;
        const NamedTensors masks = here.masks(), masks_there = there.masks();
        const NamedTensors weights = here.weights(), weights_there = there.weights();
        ASSERT_EQ(masks.size(), masks_there.size());
        for (std::size_t i = 0; i < masks.size(); ++i) {
          const at::Tensor mask = masks[i].second, mask_there = masks_there[i].second.to(at::kCPU);
          const auto kept = [](const at::Tensor& one) { return one.sum(at::kLong).item<std::int64_t>(); };
          EXPECT_EQ(kept(mask_there), kept(mask)) << masks[i].first;
          EXPECT_LE(mask_there.ne(mask).sum().item<std::int64_t>(), 2 + mask.numel() / 1000) << masks[i].first;
        }
        for (std::size_t i = 0; i < weights.size(); ++i) {
          const at::Tensor both = weights[i].second.ne(0).mul(weights_there[i].second.to(at::kCPU).ne(0));
          EXPECT_LT(distance(weights_there[i].second.to(at::kCPU).mul(both), weights[i].second.mul(both)), 1e-3)
              << weights[i].first;
        }
      }
    }
  }
  EXPECT_GT(pruned, 40);
}

}  // namespace
}  // namespace espalier
