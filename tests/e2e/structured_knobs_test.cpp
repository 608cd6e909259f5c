// Ratios of layers, rankings of layers built alike and counts in multiples, from the sweep to the masks that are left.
#include <map>
#include <string>

#include "tests/e2e/sweep_case.h"
#include "tests/needs.h"

namespace espalier {
namespace {

/// Filters or channels that each layer kept, by trial: the "out" of `espalier layers --trial`.
class StructuredKnobs : public SweepCase {
 protected:
  nlohmann::json run(const std::string& sweep) {
    const ProgramEnd end = espalier({"run", write("s.yaml", sweep), "--store", store(), "--workers", "1", "--quiet"});
    EXPECT_EQ(end.exit_code, 0) << end.out << end.err;
    nlohmann::json rows = results_of(store());
    std::erase_if(rows.get_ref<nlohmann::json::array_t&>(),
                  [](const nlohmann::json& row) { return row.at("method") == "dense"; });
    return rows;
  }

  /// The shape of the network without what went: "left   16 -> 8 in   16 -> 8 out".
  std::string shape_of(const nlohmann::json& row) {
    const ProgramEnd end = espalier({"layers", "--store", store(), "--trial", row.at("trial_key").get<std::string>()});
    EXPECT_EQ(end.exit_code, 0) << end.err;
    return end.out;
  }

  std::int64_t kept_of(const std::string& shape, const std::string& layer) {
    const std::size_t line = shape.find("\n  " + layer + " ");
    EXPECT_NE(line, std::string::npos) << layer << " in\n" << shape;
    const std::size_t out = shape.find(" out", line + 1);
    const std::size_t number = shape.rfind(' ', out - 1);
    return std::stoll(shape.substr(number, out - number));
  }
};

// lenet-5 has 20 and 50 filters and 500 rows.
TEST_F(StructuredKnobs, OfANetworkOfTheCatalog) {
  const nlohmann::json rows =
      run("sweep: knobs\ndataset: {name: glyphs, train: 300, test: 100}\nmodel: lenet-5\nseeds: 1\ndense: false\n"
          "train: {lr: 0.1, batch_size: 100, epochs: 1}\n"
          "prune: {method: [magnitude, taylor], granularity: channel, sparsity: 0.5, ratios: {conv1: 0.2}, align: 8,\n"
          "        allocation: [global, isomorphic]}\ncontrols: [random]\n");
  ASSERT_EQ(rows.size(), 6U);
  for (const nlohmann::json& row : rows) {
    const std::string shape = shape_of(row);
    EXPECT_EQ(kept_of(shape, "conv1"), 16) << shape;
    const std::int64_t conv2 = kept_of(shape, "conv2"), fc1 = kept_of(shape, "fc1");
    EXPECT_TRUE(conv2 % 8 == 0 || conv2 == 50) << shape;
    EXPECT_TRUE(fc1 % 8 == 0 || fc1 == 500) << shape;
    if (row.at("allocation") == "global") {
      EXPECT_LE(std::abs(conv2 + fc1 - 275), 4) << shape;
    } else {  // 25 and 250, each the nearest
      EXPECT_EQ(conv2, 24) << shape;
      EXPECT_EQ(fc1, 248) << shape;
    }
  }
}

// `grouped` has two groups of 16 channels, of which align: 8 keeps 8 each.
TEST_F(StructuredKnobs, OfAnImportedGraph) {
  ESPALIER_NEEDS("python_torch", Program({"/usr/bin/python3", "-c", "import torch.onnx"}).wait().exit_code == 0,
                 "no torch for python3: apt-get install --no-install-recommends python3-torch");
  const std::string script =
      write("export.py",
            "import sys, torch\n"
            "from torch import nn\n"
            "torch.manual_seed(0)\n"
            "net = nn.Sequential()\n"
            "net.add_module('stem', nn.Conv2d(1, 32, 3, stride=2, padding=1))\n"
            "net.add_module('r1', nn.ReLU())\n"
            "net.add_module('grouped', nn.Conv2d(32, 32, 3, padding=1, groups=2))\n"
            "net.add_module('r2', nn.ReLU())\n"
            "net.add_module('wide', nn.Conv2d(32, 24, 1))\n"
            "net.add_module('r3', nn.ReLU())\n"
            "net.add_module('twin', nn.Conv2d(24, 40, 1))\n"
            "net.add_module('pool', nn.AdaptiveAvgPool2d(1))\n"
            "net.add_module('flat', nn.Flatten())\n"
            "net.add_module('fc', nn.Linear(40, 10))\n"
            "torch.onnx.export(net, torch.zeros(2, 1, 28, 28), sys.argv[1], opset_version=13,\n"
            "                  do_constant_folding=False, input_names=['x'], output_names=['y'],\n"
            "                  dynamic_axes={'x': {0: 'n'}, 'y': {0: 'n'}})\n");
  const std::string net = (folder_ / "net.onnx").string();
  const ProgramEnd made = Program({"/usr/bin/env", "OMP_NUM_THREADS=1", "/usr/bin/python3", script, net}).wait();
  ASSERT_EQ(made.exit_code, 0) << made.err;
  const nlohmann::json rows =
      run("sweep: imported\ndataset: {name: glyphs, train: 300, test: 100}\nmodel: {onnx: " + net +
          "}\nseeds: 1\ndense: false\ntrain: {lr: 0.1, batch_size: 100, epochs: 1}\n"
          "prune: {method: magnitude, granularity: channel, sparsity: 0.5, ratios: {\"w*\": 0}, align: 8,\n"
          "        allocation: isomorphic}\ncontrols: [random]\n");
  ASSERT_EQ(rows.size(), 2U);
  for (const nlohmann::json& row : rows) {
    const std::string shape = shape_of(row);
    EXPECT_EQ(kept_of(shape, "stem"), 16) << shape;
    EXPECT_EQ(kept_of(shape, "grouped"), 16) << shape;
    EXPECT_NE(shape.find("\n  wide "), std::string::npos);
    EXPECT_EQ(kept_of(shape, "wide"), 24) << shape;
    EXPECT_EQ(kept_of(shape, "twin"), 24) << shape;  // 20 is halfway
  }
}

}  // namespace
}  // namespace espalier
