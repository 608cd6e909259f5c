// docs/latency.md, command by command, and requests that cannot be met.
#include <string>

#include <nlohmann/json.hpp>

#include "base/files.h"
#include "tests/e2e/document_commands.h"
#include "tests/e2e/tiny_store.h"

namespace espalier {
namespace {

class Latency : public TinyStore {
 protected:
  void SetUp() override {
    TinyStore::SetUp();
    const std::string page = read_file(kPage, 1 << 20), open = "```yaml\n";
    const std::size_t first = page.find(open) + open.size();
    write("faster.yaml", page.substr(first, page.find("```", first) - first));
  }
  static constexpr const char* kPage = ESPALIER_SOURCE_DIR "/docs/latency.md";
};

TEST_F(Latency, ThePageIsTrue) {
  std::string said;
  for (const std::string& command : commands_in(kPage)) {
    ASSERT_TRUE(command.starts_with("espalier ")) << command;
    const ProgramEnd end = run_line(command.substr(9));
    ASSERT_EQ(end.exit_code, 0) << command << "\n" << end.err;
    said = end.out;
  }
  const auto cells = nlohmann::json::parse(said);
  ASSERT_EQ(cells.size(), 8U);  // two methods, sparsities and batch sizes
  for (const auto& cell : cells) {
    EXPECT_GT(cell.at("latency_ms"), 0);
    EXPECT_LT(cell.at("peak_bytes"), cell.at("dense_peak_bytes"));
    EXPECT_LE(cell.at("speedup_low"), cell.at("speedup"));
    EXPECT_FALSE(cell.at("twin_speedup").is_null());
    EXPECT_FALSE(cell.at("cpu").get<std::string>().empty());
  }
  // What was measured is measured once.
  expect_step({"run faster.yaml --quiet", 0, "every result was there already"});
}

TEST_F(Latency, WhatThisMachineHasNotIsRefusedBeforeAnyWork) {
  expect_steps({{"run faster.yaml --store new --device cpu --set measure.latency.device=cuda", 2,
                 "--device cpu gives the run no GPU"},
                {"run faster.yaml --store new --set measure.latency.threads=1000", 2, "measure.latency.threads"},
                {"run faster.yaml --store new --set measure.latency.device=tpu", 2, "cuda"}});
  EXPECT_FALSE(std::filesystem::exists(place("new")));
  expect_step({"compare --by latency --store S", 0, "No latency was measured"});
  expect_step({"compare --by speed --store S", 2, "latency"});
}

}  // namespace
}  // namespace espalier
