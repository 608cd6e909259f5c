// A network from an ONNX and from a TorchScript file, by docs/networks.md alone: its Python, its commands and its
// sweep.
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "base/files.h"
#include "tests/e2e/document_commands.h"
#include "tests/e2e/sweep_case.h"
#include "tests/needs.h"

namespace espalier {
namespace {

const char* const kPython3 = "/usr/bin/python3";

class OwnNetworks : public SweepCase {
 protected:
  const std::string page_ = read_file(ESPALIER_SOURCE_DIR "/docs/networks.md", 1 << 20);
  /// Runs in the case's folder. "espalier ..." is ours.
  ProgramEnd type(const std::string& command) {
    const auto beside = std::filesystem::read_symlink("/proc/self/exe").parent_path();
    return Program({"/bin/sh", "-c",
                    "cd '" + folder_.string() + "' && PATH='" + beside.string() + "':/usr/bin:$PATH && " + command})
        .wait();
  }
};

TEST_F(OwnNetworks, ThePageIsEnough) {
  ESPALIER_NEEDS("python_torch", Program({kPython3, "-c", "import torch.onnx"}).wait().exit_code == 0,
                 "no torch for python3: apt-get install --no-install-recommends python3-torch");
  const std::vector<std::string> python = blocks_in(page_, "python"), yaml = blocks_in(page_, "yaml"),
                                 shell = blocks_in(page_, "sh");
  ASSERT_EQ(python.size(), 1U);
  ASSERT_EQ(yaml.size(), 1U);
  ASSERT_EQ(shell.size(), 2U);
  write("export.py", python[0]);
  const ProgramEnd exported = type("OMP_NUM_THREADS=1 python3 export.py");
  ASSERT_EQ(exported.exit_code, 0) << exported.err;
  write("own.yaml", yaml[0]);
  std::string said;
  for (const std::string& block : shell) {
    std::istringstream lines(block);
    for (std::string line; std::getline(lines, line);) {
      const ProgramEnd end = type(line);
      EXPECT_EQ(end.exit_code, 0) << line << "\n" << end.err;
      said += end.out;
    }
  }
  std::istringstream shown(page_.substr(page_.find("What could be removed:")));
  for (std::string line; std::getline(shown, line) && line != "```";)
    EXPECT_NE(said.find(line + "\n"), std::string::npos) << line;
  EXPECT_NE(said.find("taylor"), std::string::npos);
  // What a trial's network would be without its channels, as the page has it.
  const std::string found = type("espalier results own --json").out;
  for (const nlohmann::json& row : nlohmann::json::parse(found)) {
    if (row.at("method") != "magnitude") continue;
    const std::string shape = type("espalier layers --trial " + row.at("trial_key").get<std::string>()).out;
    const std::size_t table = page_.find("  stem   1 -> 1 in");
    EXPECT_NE(shape.find(page_.substr(table, page_.find("```", table) - table)), std::string::npos) << shape;
  }
  // Through either door as many parameters go.
  const auto kept = [&](const std::string& sweep) {
    std::map<std::string, std::set<int>> by_method;
    for (const nlohmann::json& row : nlohmann::json::parse(type("espalier results " + sweep + " --json").out))
      by_method[row.at("method")].insert(row.at("params_kept").get<int>());
    return by_method;
  };
  EXPECT_EQ(kept("scripted"), kept("own"));
  EXPECT_EQ(kept("own").size(), 5U);
  // The store's copies are enough to go on.
  const std::string scripted =
      type("espalier run own.yaml --set sweep=scripted --set 'model={torchscript: net.pt}'").out;
  std::filesystem::remove(folder_ / "net.pt");
  EXPECT_EQ(type("espalier run own.yaml --set sweep=scripted --set 'model={torchscript: net.pt}'").out, scripted);
  std::filesystem::remove(folder_ / "net.onnx");
  const ProgramEnd again = type("espalier run own.yaml");
  EXPECT_EQ(again.exit_code, 0) << again.err;
  EXPECT_NE(again.out.find("taylor"), std::string::npos);
  EXPECT_NE(again.err.find("net.onnx: is gone; its copy in the store goes on"), std::string::npos) << again.err;
}

TEST_F(OwnNetworks, AFileThatIsNoneIsRefusedBeforeThereIsAStore) {
  write("net.onnx", "no network");
  write("own.yaml", blocks_in(page_, "yaml").at(0));
  const ProgramEnd end = type("espalier run own.yaml");
  EXPECT_NE(end.exit_code, 0);
  EXPECT_NE(end.err.find("net.onnx: is no ONNX file, or is cut short"), std::string::npos) << end.err;
  EXPECT_FALSE(std::filesystem::exists(folder_ / "espalier-store"));
}

}  // namespace
}  // namespace espalier
