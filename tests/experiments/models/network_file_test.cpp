#include "experiments/models/network_file.h"

#include <filesystem>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"
#include "experiments/formats/safetensors.h"
#include "experiments/models/model_description.h"

namespace espalier {
namespace {

class NetworkFiles : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(folder_); }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::filesystem::path write(std::map<std::string, std::string> metadata) const {
    write_file_atomically(folder_ / "net.safetensors", to_safetensors({std::move(metadata), {}}));
    return folder_ / "net.safetensors";
  }
  static std::string refusal(const std::filesystem::path& file) {
    try {
      read_network_graph(file);
      return "";
    } catch (const Error& error) {
      return error.what();
    }
  }
  const std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("espalier_network_" + std::to_string(::getpid()));
};

TEST_F(NetworkFiles, HoldTheGraphInTheirHeader) {
  const ModelDescription model = describe_model({"resnet-20", {3, 32, 32}, 10});
  EXPECT_EQ(read_network_graph(write({{kGraphKey, graph_metadata(*model.graph)}})).text(), model.graph->text());
}

TEST_F(NetworkFiles, WithoutAGraphAreRefused) {
  EXPECT_THAT(refusal(write({})), testing::HasSubstr("holds no network"));
  EXPECT_THAT(refusal(write({{kGraphKey, "{]"}})), testing::HasSubstr("its graph is no JSON"));
  EXPECT_THAT(refusal(write({{kGraphKey, "{}"}})), testing::HasSubstr("the graph is not written as one"));
  EXPECT_THAT(refusal(folder_ / "missing.safetensors"), testing::HasSubstr("missing.safetensors"));
}

}  // namespace
}  // namespace espalier
