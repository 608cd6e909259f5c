// Every model of the catalog without units that leave at random, beside the same under masks.
#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/random.h"
#include "experiments/catalog/catalog.h"
#include "experiments/pruning/coupled_scopes.h"
#include "tests/worker/pruning/shrunk_comparison.h"

namespace espalier {
namespace {

using Kind = Granularity::Kind;

constexpr double kDoubleTolerance = 1e-10, kFloatTolerance = 1e-5, kFloatGradients = 1e-2;

ModelDescription catalog_model(const std::string& name) {
  const ModelEntry& entry = find_model(name);
  return describe_model({std::string(entry.name) + std::string(entry.sizes), entry.images, 10});
}

bool has_units(const ModelDescription& model, Kind kind) {
  if (kind == Kind::head) return !head_scopes(*model.graph).empty();
  return kind == Kind::channel || !block_scopes(*model.graph).empty();
}

/// From a tenth to nine tenths of the units of one kind, and a part of the weights that are left.
void compare_without(const ModelDescription& model, Kind kind, double fraction, std::uint64_t seed) {
  SCOPED_TRACE("kind " + std::to_string(static_cast<int>(kind)) + ", " + std::to_string(fraction) + " of the units");
  Network network = drawn_network(model, c10::kDouble);
  remove_units_at_random(network, kind, fraction, seed);
  if (seed % 2 == 0) mask_weights_at_random(network, 0.3);
  expect_equal_when_shrunk(network, kDoubleTolerance, kDoubleTolerance);
}

/// Channels, heads and blocks together, of which one part is in the other.
void compare_without_all_kinds(const ModelDescription& model, std::uint64_t seed) {
  Network network = drawn_network(model, c10::kDouble);
  for (const Kind kind : {Kind::channel, Kind::head, Kind::layer})
    if (has_units(model, kind)) remove_units_at_random(network, kind, 0.4, seed + static_cast<std::uint64_t>(kind));
  expect_equal_when_shrunk(network, kDoubleTolerance, kDoubleTolerance);
  mask_weights_at_random(network, 0.3);
  expect_equal_when_shrunk(network, kDoubleTolerance, kDoubleTolerance);
}

class EveryModelShrunk : public testing::TestWithParam<std::string> {};

TEST_P(EveryModelShrunk, ComputesWhatTheMaskedOneDoes) {
  const ModelDescription model = catalog_model(GetParam());
  RandomStream random(1, GetParam());
  std::uint64_t seed = 1;
  for (const Kind kind : {Kind::channel, Kind::head, Kind::layer})
    if (has_units(model, kind)) compare_without(model, kind, 0.1 + 0.8 * random.uniform(), seed++);
  Network network = drawn_network(model, c10::kFloat);
  remove_units_at_random(network, Kind::channel, 0.5, 17);
  expect_equal_when_shrunk(network, kFloatTolerance, kFloatGradients);
}

class LongEveryModelShrunk : public testing::TestWithParam<std::string> {};

TEST_P(LongEveryModelShrunk, ComputesWhatTheMaskedOneDoesAtEverySparsity) {
  const ModelDescription model = catalog_model(GetParam());
  std::uint64_t seed = 100;
  for (const Kind kind : {Kind::channel, Kind::head, Kind::layer}) {
    if (!has_units(model, kind)) continue;
    for (const double fraction : {0.1, 0.3, 0.5, 0.7, 0.9}) {
      compare_without(model, kind, fraction, seed++);
      compare_without(model, kind, fraction, seed++);
    }
  }
  compare_without_all_kinds(model, seed);
}

class SmallModelShrunk : public testing::TestWithParam<std::string> {};

TEST_P(SmallModelShrunk, ComputesItWithoutAllThatLeavesTogether) {
  compare_without_all_kinds(catalog_model(GetParam()), 31);
}

std::vector<std::string> model_names() {
  std::vector<std::string> names;
  for (const ModelEntry& entry : list_models()) names.emplace_back(entry.name);
  return names;
}

std::string case_name(const testing::TestParamInfo<std::string>& info) {
  std::string name = info.param;
  std::ranges::replace(name, '-', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Catalog, EveryModelShrunk, testing::ValuesIn(model_names()), case_name);
INSTANTIATE_TEST_SUITE_P(Catalog, LongEveryModelShrunk, testing::ValuesIn(model_names()), case_name);
INSTANTIATE_TEST_SUITE_P(Catalog, SmallModelShrunk, testing::Values("resnet-20", "transformer"), case_name);

}  // namespace
}  // namespace espalier
