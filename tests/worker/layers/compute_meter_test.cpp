#include "worker/layers/compute_meter.h"

#include <ATen/ops/ones.h>
#include <gtest/gtest.h>

#include "experiments/models/model_description.h"
#include "worker/network/network.h"

namespace espalier {
namespace {

TEST(ComputeMeter, CountsWhatADescriptionCounts) {
  for (const char* name : {"lenet-300-100", "lenet-5", "resnet-20", "transformer-1x16x2"}) {
    const ModelDescription model = describe_model({name, {1, 28, 28}, 10});
    const Network network(model, c10::kCPU);
    ComputeMeter meter;
    network.forward(at::ones({3, 1, 28, 28}), {.meter = &meter});
    EXPECT_EQ(meter.total().done, 3 * count_model(model).madds) << name;
    EXPECT_EQ(meter.total().kept, static_cast<double>(meter.total().done)) << name;
    EXPECT_EQ(meter.layers().size(), prunable_layers(model).size()) << name;
  }
}

TEST(ComputeMeter, KnowsWhatMasksKeep) {
  Network network(describe_model({"lenet-300-100", {1, 28, 28}, 10}), c10::kCPU);
  NamedTensors masks = network.masks();
  masks[1].second.narrow(0, 0, 75).zero_();  // three quarters of fc2's 100 outputs
  network.set_masks(masks);
  ComputeMeter meter;
  network.forward(at::ones({2, 1, 28, 28}), {.meter = &meter});
  network.forward(at::ones({2, 1, 28, 28}), {.meter = &meter});
  EXPECT_EQ(meter.layers().at("fc2").done, 4 * 300 * 100);
  EXPECT_EQ(meter.layers().at("fc2").kept, 4 * 300 * 25);
  EXPECT_EQ(meter.layers().at("fc1").kept, 4 * 784 * 300);
}

}  // namespace
}  // namespace espalier
