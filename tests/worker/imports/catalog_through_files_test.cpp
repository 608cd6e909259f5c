// What works for the catalog's networks works for the same networks that come as files: equal scores of every
// criterion, equal units of every granularity, equal masks, paths and counts.

#include <algorithm>

#include <ATen/ops/allclose.h>
#include <ATen/ops/equal.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"
#include "base/random.h"
#include "base/sha256.h"
#include "experiments/catalog/catalog.h"
#include "experiments/expand/effective_madds.h"
#include "experiments/pruning/prune_scopes.h"
#include "tests/worker/cpu.h"
#include "tests/worker/imports/generic_copy.h"
#include "worker/criteria/criterion.h"
#include "worker/imports/removal_proof.h"
#include "worker/network/initialization.h"
#include "worker/network/stored_network.h"
#include "worker/pruning/network_paths.h"
#include "worker/pruning/prune_network.h"

namespace espalier {
namespace {

constexpr std::int64_t kExamples = 12, kClasses = 4;
constexpr const char* kGranularities[] = {"weight",    "block 2x3 mean", "2:4",     "row l1",
                                          "filter l2", "channel max",    "head l2", "layer mean"};

DatasetSpec drawn_images(const ModelDescription& model) {
  DatasetSpec spec;
  spec.name = "drawn";
  spec.train = kExamples;
  spec.shape = model.input;
  spec.classes = kClasses;
  return spec;
}

ResidentDataset draw_images(const ModelDescription& model) {
  Dataset images;
  RandomStream random(3, "examples");
  images.train.count = kExamples;
  for (std::int64_t i = 0; i < kExamples * model.input[0] * model.input[1] * model.input[2]; ++i)
    images.train.pixels.push_back(static_cast<std::uint8_t>(256 * random.uniform()));
  for (std::int64_t i = 0; i < kExamples; ++i) images.train.labels.push_back(static_cast<std::uint8_t>(i % kClasses));
  return ResidentDataset(images, drawn_images(model), kCpu);
}

/// Scales, shifts and statistics that matter.
Network drawn(const ModelDescription& model) {
  Network network(model, kCpu);
  InitSpec spec;
  spec.scheme = "kaiming_normal";
  spec.stream = "init";
  initialize(network, spec, 5);
  NamedTensors weights = network.weights();
  RandomStream random(5, "vectors");
  for (auto& [name, tensor] : weights) {
    for (std::int64_t i = 0; i < tensor.numel() && tensor.dim() == 1; ++i)
      tensor.data_ptr<float>()[i] += static_cast<float>(0.3 * random.uniform());
  }
  network.set_weights(weights);
  return network;
}

struct Case {
  const char* model;
  std::array<std::int64_t, 3> input;
  bool written_out = false;
};

class CatalogThroughFiles : public testing::TestWithParam<Case> {
 protected:
  const ModelDescription model_ = describe_model({GetParam().model, GetParam().input, kClasses});
  const GenericCopy copy_ = generic_copy(model_, GetParam().written_out);

  Network original() const { return drawn(model_); }
  std::string renamed(const std::string& tensor) const {
    const auto found = copy_.names.find(tensor);
    return found == copy_.names.end() ? tensor : found->second;
  }
  NamedTensors renamed(NamedTensors tensors) const {
    for (auto& [name, tensor] : tensors) name = renamed(name);
    return tensors;
  }
  /// Through a file, as a rank reads it.
  Network stored() const {
    const NamedTensors weights = renamed(original().weights());
    NamedTensors ordered;
    for (const Value& value : copy_.model.graph->values()) {
      if (value.source != Value::Source::parameter && value.source != Value::Source::buffer) continue;
      ordered.push_back(*std::ranges::find(weights, value.name, [](const auto& one) { return one.first; }));
    }
    const std::string bytes = to_bytes({copy_.model.graph, ordered});
    const std::filesystem::path file = std::filesystem::path(testing::TempDir()) / ("through_" + to_hex(sha256(bytes)));
    write_file_atomically(file, bytes);
    const StoredNetwork found = load_network(file, to_hex(sha256(bytes)));
    std::filesystem::remove(file);
    ModelDescription model = copy_.model;
    model.graph = found.graph;
    Network network(model, kCpu);
    network.set_weights(found.tensors);
    return network;
  }

  static PruneSpec spec_of(const ModelDescription& model, const std::string& criterion,
                           const std::string& granularity) {
    PruneSpec spec;
    spec.criterion = criterion;
    spec.granularity = granularity;
    if (default_options(find_criterion(criterion)).contains("rounds")) spec.options["rounds"] = 2;
    if (find_criterion(criterion).needs != CriterionNeeds::needs_nothing) {
      spec.dataset = drawn_images(model);
      spec.batches = 2;
      spec.batch_size = 5;
    }
    return spec;
  }
  static std::vector<PruneScope> scopes_or_none(const ModelDescription& model, const std::string& criterion,
                                                const std::string& granularity) {
    try {
      return prune_scopes(model, parse_granularity(granularity), criterion, {});
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::invalid_input);
      return {};
    }
  }
  static PruneTarget target_of(const std::vector<PruneScope>& scopes, const Granularity& granularity) {
    PruneTarget target;
    for (const PruneScope& scope : scopes) {
      std::int64_t kept = std::max<std::int64_t>(1, scope.units * 2 / 5);
      if (granularity.kind == Granularity::Kind::n_of_m) kept = scope.units / granularity.of * granularity.kept;
      target.layer_kept.push_back(kept);
      target.total_kept += kept;
    }
    return target;
  }
};

TEST_P(CatalogThroughFiles, EveryCriterionScoresAlike) {
  const ResidentDataset data = draw_images(model_);
  Network one = original(), other = stored();
  for (const CriterionEntry& criterion : list_criteria()) {
    SCOPED_TRACE(criterion.name);
    std::int64_t weights = 0;
    for (const PrunableWeight& layer : one.prunable()) weights += layer.weight.numel();
    if (criterion.scores == CriterionScores::repairs_weights || weights > criterion.most_weights) continue;
    const std::string name(criterion.name);
    const PruneSpec spec = spec_of(model_, name, "weight");
    const PruneBatches batches(spec, &data, 7, 0, kCpu);
    const auto score = [&](Network& network) {
      return find_score(name)({network, true, 7, batches.count(),
                               [&](std::int64_t index) { return batches.batch(index); }, default_options(criterion)});
    };
    const Scores expected = score(one), given = score(other);
    ASSERT_EQ(given.size(), expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) {
      ASSERT_EQ(given[i].defined(), expected[i].defined()) << one.prunable()[i].layer;
      if (!expected[i].defined()) continue;
      const double largest = expected[i].abs().max().item<double>();
      const double difference = given[i].sub(expected[i]).abs().max().item<double>();
      // Written out, products are scaled in another order.
      EXPECT_LE(difference, GetParam().written_out ? 1e-6 * largest : 0) << one.prunable()[i].layer;
    }
  }
}

TEST_P(CatalogThroughFiles, EveryGranularityHasTheSameUnits) {
  for (const CriterionEntry& criterion : list_criteria()) {
    for (const char* granularity : kGranularities) {
      SCOPED_TRACE(std::string(criterion.name) + ", " + granularity);
      const auto expected = scopes_or_none(model_, std::string(criterion.name), granularity),
                 given = scopes_or_none(copy_.model, std::string(criterion.name), granularity);
      ASSERT_EQ(given.size(), expected.size());
      for (std::size_t i = 0; i < expected.size(); ++i) {
        EXPECT_EQ(given[i].units, expected[i].units);
        EXPECT_EQ(given[i].weights, expected[i].weights);
        EXPECT_EQ(given[i].rows, expected[i].rows);
        EXPECT_EQ(given[i].unit_of, expected[i].unit_of);
        ASSERT_EQ(given[i].members.size(), expected[i].members.size());
        for (std::size_t m = 0; m < expected[i].members.size(); ++m) {
          const ScopeMember &one = expected[i].members[m], &other = given[i].members[m];
          const std::string parameter = one.part == ScopeMember::Part::tensor ? one.layer : one.layer + ".weight";
          EXPECT_EQ(other.part == ScopeMember::Part::tensor ? other.layer : other.layer + ".weight",
                    renamed(parameter));
          EXPECT_EQ(other.part, one.part);
          EXPECT_EQ(other.step, one.step);
          EXPECT_EQ(other.unit_of, one.unit_of);
          EXPECT_EQ(other.goes, one.goes);
        }
      }
      const PruneTarget target = target_of(expected, parse_granularity(granularity));
      if (expected.empty()) continue;
      EXPECT_EQ(effective_madds(target, given, prunable_layers(copy_.model)),
                effective_madds(target, expected, prunable_layers(model_)));
    }
  }
}

TEST_P(CatalogThroughFiles, PrunesLeaveTheSameMasksWeightsAndPaths) {
  const ResidentDataset data = draw_images(model_);
  const auto try_one = [&](const std::string& criterion, const std::string& granularity) {
    SCOPED_TRACE(criterion + ", " + granularity);
    const std::vector<PruneScope> scopes = scopes_or_none(model_, criterion, granularity);
    if (scopes.empty()) return;
    const PruneSpec spec = spec_of(model_, criterion, granularity);
    const PruneBatches batches(spec, &data, 7, 0, kCpu);
    const PruneTarget target = target_of(scopes, parse_granularity(granularity));
    Network one = original(), other = stored();
    const PruneOrder order{spec, target, 7, true, batches};
    const Pruned expected = prune_network(one, order), given = prune_network(other, order);
    const NamedTensors masks = renamed(expected.masks);
    ASSERT_EQ(given.masks.size(), masks.size());
    for (const auto& [name, mask] : given.masks) EXPECT_TRUE(at::equal(mask, tensor_like(masks, name, mask))) << name;
    const NamedTensors weights = renamed(one.weights());
    for (const auto& [name, tensor] : other.weights())
      EXPECT_TRUE(at::allclose(tensor, tensor_like(weights, name, tensor), 0, GetParam().written_out ? 1e-6 : 0))
          << name;
    StageOutcome outcome, found;
    outcome.layers = expected.layers;
    found.layers = given.layers;
    report_masks(one, outcome);
    report_masks(other, found);
    ASSERT_TRUE(found.connectivity);
    EXPECT_EQ(found.connectivity, outcome.connectivity);
    ASSERT_TRUE(found.shrunk_size);
    EXPECT_EQ(found.shrunk_size->parameters, outcome.shrunk_size->parameters);
    EXPECT_EQ(found.shrunk_size->madds, outcome.shrunk_size->madds);
    EXPECT_EQ(found.warnings.size(), outcome.warnings.size());
    ASSERT_EQ(found.layers.size(), outcome.layers.size());
    for (std::size_t i = 0; i < outcome.layers.size(); ++i) {
      EXPECT_EQ(found.layers[i].kept, outcome.layers[i].kept);
      EXPECT_EQ(found.layers[i].requested, outcome.layers[i].requested);
      EXPECT_EQ(found.layers[i].effective, outcome.layers[i].effective);
      EXPECT_EQ(found.layers[i].dead_units, outcome.layers[i].dead_units);
    }
    EXPECT_EQ(has_path(other), has_path(one));
  };
  for (const char* granularity : kGranularities) {
    try_one("magnitude", granularity);
    try_one("random", granularity);
  }
  try_one("sparsegpt", "weight");
  try_one("sparsegpt", "2:4");
  if (count_model(model_).prunable <= find_criterion("obs").most_weights) try_one("obs", "weight");
}

TEST_P(CatalogThroughFiles, WhatLeavesIsProven) {
  EXPECT_THAT(unproven_scopes(stored()), testing::IsEmpty());
  EXPECT_THAT(unproven_blocks(stored()), testing::IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Models, CatalogThroughFiles,
                         testing::Values(Case{"lenet-5", {1, 16, 16}}, Case{"conv-2", {1, 8, 8}},
                                         Case{"resnet-20", {3, 8, 8}}, Case{"transformer-2x16x4", {1, 8, 8}},
                                         Case{"transformer-1x8x2", {1, 4, 4}},
                                         Case{"transformer-2x16x4", {1, 8, 8}, true}),
                         [](const auto& instance) {
                           std::string name = instance.param.model;
                           std::ranges::replace(name, '-', '_');
                           return name + (instance.param.written_out ? "_written_out" : "");
                         });

}  // namespace
}  // namespace espalier
