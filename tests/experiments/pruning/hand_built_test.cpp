// What is left of a network without some of its units is what somebody would write down who wants those widths.
#include "tests/experiments/pruning/hand_built.h"

#include <gtest/gtest.h>

#include "experiments/pruning/coupled_scopes.h"
#include "experiments/pruning/uniform_width.h"

namespace espalier {
namespace {

std::string written_down(const ModelSpec& model, const OperatorGraph& widths) {
  return hand_built(model, [&](const std::string& layer) { return widths.dims(layer_node(widths, layer), 1)[0].size; })
      .graph->text();
}

TEST(HandBuilt, WithoutUnitsANetworkIsTheOneThatIsWrittenDownSo) {
  for (const char* name : {"lenet-5", "conv-4", "vgg-16-bn", "resnet-20", "resnet-56", "transformer"}) {
    const bool gray = std::string(name) == "lenet-5";
    const ModelSpec spec{name, {gray ? 1 : 3, gray ? 28 : 32, gray ? 28 : 32}, 10};
    const ModelDescription model = describe_model(spec);
    EXPECT_EQ(model.graph->text(), written_down(spec, *model.graph)) << name;
    std::vector<PruneScope> scopes = channel_scopes(*model.graph);
    for (const PruneScope& heads : head_scopes(*model.graph)) scopes.push_back(heads);
    const std::vector<RemovedUnits> units = narrowed_evenly(model, scopes, 1, count_model(model).madds / 3);
    const OperatorGraph small = without_units(*model.graph, units).graph;
    EXPECT_NE(small.text(), model.graph->text()) << name;
    EXPECT_EQ(small.text(), written_down(spec, small)) << name;
  }
}

}  // namespace
}  // namespace espalier
