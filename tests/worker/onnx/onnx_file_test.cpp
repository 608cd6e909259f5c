// Broken files, and files that mean harm.

#include "worker/onnx/onnx_file.h"

#include <filesystem>
#include <fstream>
#include <onnx/onnx_pb.h>

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"
#include "tests/worker/onnx/onnx_model.h"
#include "worker/onnx/import_onnx.h"

namespace espalier {
namespace {

using Integers = OnnxModel::Integers;
namespace fs = std::filesystem;

std::string refusal_of_bytes(const std::string& bytes, const fs::path& folder = {}) {
  try {
    import_onnx_bytes(bytes, "m.onnx", folder);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::invalid_input);
    return error.what();
  }
  return "imported";
}

OnnxModel one_layer() {
  return std::move(OnnxModel({0, 4}).tensor("fc.weight", at::ones({4, 3})).node("MatMul", {"x", "fc.weight"}, "y"));
}

onnx::TensorProto& weight_of(OnnxModel& model) {
  return *model.proto().mutable_graph()->mutable_initializer(0);
}

TEST(OnnxFile, cut_short_anywhere_is_refused) {
  const std::string bytes = one_layer().bytes();
  ASSERT_EQ(refusal_of_bytes(bytes), "imported");
  for (std::size_t size = 0; size < bytes.size(); ++size)
    EXPECT_THAT(refusal_of_bytes(bytes.substr(0, size)), testing::StartsWith("m.onnx: ")) << size;
  EXPECT_THAT(refusal_of_bytes("not protobuf"), testing::HasSubstr("no ONNX file"));
}

TEST(OnnxFile, of_another_opset_is_refused) {
  for (const int opset : {8, 22, 0, -3}) {
    EXPECT_THAT(refusal_of_bytes(std::move(OnnxModel({0, 4}, opset).node("Relu", {"x"}, "y")).bytes()),
                testing::HasSubstr("is of opset " + std::to_string(opset) + "; 9 to 21 are understood"));
  }
  OnnxModel none({0, 4});
  none.node("Relu", {"x"}, "y").proto().clear_opset_import();
  EXPECT_THAT(refusal_of_bytes(none.bytes()), testing::HasSubstr("is of opset 0"));
}

TEST(OnnxFile, with_impossible_dimensions_is_refused_before_anything_is_allocated) {
  for (const std::int64_t size : {std::int64_t{1} << 60, std::int64_t{-1}, std::int64_t{1} << 41}) {
    OnnxModel model = one_layer();
    weight_of(model).set_dims(0, size);
    EXPECT_THAT(refusal_of_bytes(model.bytes()), testing::HasSubstr("tensor \"fc.weight\"")) << size;
    EXPECT_NE(
        refusal_of_bytes(
            std::move(OnnxModel({0, std::max(size, std::int64_t{1} << 50), 2, 1}).node("Relu", {"x"}, "y")).bytes()),
        "imported");
    EXPECT_NE(refusal_of_bytes(
                  std::move(OnnxModel({0, 4}).tensor("sizes", Integers{1, size, 4}).node("Expand", {"x", "sizes"}, "y"))
                      .bytes()),
              "imported");
  }
  OnnxModel product = one_layer();
  weight_of(product).set_dims(0, std::int64_t{1} << 32);
  weight_of(product).set_dims(1, std::int64_t{1} << 32);
  EXPECT_THAT(refusal_of_bytes(product.bytes()), testing::HasSubstr("more elements than a network has"));
}

TEST(OnnxFile, with_a_tensor_of_a_million_dimensions_is_refused_in_a_few_words) {
  OnnxModel model = one_layer();
  while (weight_of(model).dims_size() < 1'000'000) weight_of(model).add_dims(1);
  EXPECT_THAT(refusal_of_bytes(model.bytes()), testing::EndsWith("tensor \"fc.weight\" has 1000000 dimensions"));
}

TEST(OnnxFile, that_makes_a_million_dimensions_is_refused_in_a_few_words) {
  Integers sizes(1'000'000, 1);
  sizes[0] = -1;
  const auto reader = [&](const std::string& op) {
    return std::move(OnnxModel({0, 1}).tensor("sizes", sizes).node(op, {"x", "sizes"}, "y")).bytes();
  };
  EXPECT_THAT(refusal_of_bytes(reader("Reshape")), testing::HasSubstr("makes more dimensions than a network has"));
  EXPECT_LT(refusal_of_bytes(reader("Expand")).size(), 10'000u);
}

TEST(OnnxFile, with_other_data_than_its_shape_asks_for_is_refused) {
  OnnxModel model = one_layer();
  weight_of(model).set_dims(0, 5);
  EXPECT_THAT(refusal_of_bytes(model.bytes()), testing::HasSubstr("has 48 bytes of data, but its shape asks for 60"));
}

TEST(OnnxFile, that_runs_in_a_circle_is_refused) {
  EXPECT_THAT(
      refusal_of_bytes(
          std::move(OnnxModel({0, 4}).node("Add", {"x", "b"}, "a").node("Relu", {"a"}, "b").node("Relu", {"b"}, "y"))
              .bytes()),
      testing::HasSubstr("Add (node /a/Add) reads \"b\", which is made after it"));
  EXPECT_THAT(refusal_of_bytes(std::move(OnnxModel({0, 4}).node("Add", {"x", "y"}, "y")).bytes()),
              testing::HasSubstr("Add (node /y/Add) reads \"y\", which is made after it"));
}

TEST(OnnxFile, that_lacks_a_tensor_or_makes_one_twice_is_refused) {
  EXPECT_THAT(refusal_of_bytes(std::move(OnnxModel({0, 4}).node("MatMul", {"x", "w"}, "y")).bytes()),
              testing::HasSubstr("MatMul (node /y/MatMul) reads \"w\", which is no tensor of the file"));
  EXPECT_THAT(refusal_of_bytes(std::move(OnnxModel({0, 4}).node("Relu", {"x"}, "y").node("Exp", {"x"}, "y")).bytes()),
              testing::HasSubstr("makes \"y\" twice"));
}

TEST(OnnxFile, that_is_not_as_the_schema_has_it_is_refused) {
  EXPECT_THAT(refusal_of_bytes(std::move(OnnxModel({0, 4}).node("Relu", {"x", "x"}, "y")).bytes()),
              testing::HasSubstr("Relu (node /y/Relu) is not as ONNX has it"));
}

TEST(OnnxFile, of_a_million_nodes_is_refused_in_bounded_time) {
  OnnxModel model({0, 4});
  model.node("Relu", {"x"}, "0");
  for (int i = 1; i < 1'000'000; ++i) model.node("Relu", {std::to_string(i - 1)}, std::to_string(i));
  EXPECT_THAT(refusal_of_bytes(model.bytes()), testing::HasSubstr("has 1000000 nodes"));
}

/// A field of no bytes becomes a node of two hundred: the file would be a hundred times larger in memory.
TEST(OnnxFile, that_would_be_far_larger_in_memory_is_refused) {
  std::string nodes;
  for (int i = 0; i < 20'000'000; ++i) nodes += std::string("\x0a\x00", 2);
  onnx::ModelProto model;
  std::string bytes = model.SerializeAsString();
  std::string length;
  for (std::size_t rest = nodes.size(); rest > 0; rest >>= 7)
    length += static_cast<char>((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0));
  bytes += "\x3a" + length + nodes;
  EXPECT_THAT(refusal_of_bytes(bytes), testing::HasSubstr("takes more memory than a network of its size"));
}

TEST(OnnxFile, that_folds_constants_without_end_is_refused) {
  EXPECT_THAT(refusal_of_bytes(std::move(OnnxModel({0, 4})
                                             .tensor("sizes", Integers{1 << 20, 1 << 20})
                                             .node("ConstantOfShape", {"sizes"}, "c")
                                             .node("Add", {"x", "c"}, "y"))
                                   .bytes()),
              testing::HasSubstr("makes more than 2^27 numbers"));
  // Each twice the one before.
  OnnxModel doubling({0, 4});
  doubling.tensor("0", Integers(1024, 1));
  for (int i = 0; i < 60; ++i)
    doubling.node("Concat", {std::to_string(i), std::to_string(i)}, std::to_string(i + 1), {{"axis", std::int64_t{0}}});
  doubling.node("Reshape", {"x", "60"}, "y");
  EXPECT_THAT(refusal_of_bytes(doubling.bytes()), testing::HasSubstr("not understood"));
  EXPECT_THAT(refusal_of_bytes(std::move(OnnxModel({0, 4})
                                             .tensor("a", Integers{std::numeric_limits<std::int64_t>::min(), 4})
                                             .tensor("b", Integers{-1, 0})
                                             .node("Div", {"a", "b"}, "c")
                                             .node("Reshape", {"x", "c"}, "y"))
                                   .bytes()),
              testing::HasSubstr("divides integers by 0 or -1"));
}

class OnnxTensorFiles : public testing::Test {
 protected:
  OnnxTensorFiles() : folder_(fs::temp_directory_path() / ("onnx_files_" + std::to_string(::getpid()))) {
    fs::remove_all(folder_);
    fs::create_directories(folder_ / "model");
    const std::vector<float> numbers(64, 2.0F);
    const std::string bytes(reinterpret_cast<const char*>(numbers.data()), numbers.size() * sizeof(float));
    write_file_atomically(folder_ / "model" / "weights.bin", bytes);
    write_file_atomically(folder_ / "secret.bin", bytes);
  }
  ~OnnxTensorFiles() override { fs::remove_all(folder_); }

  /// One layer whose weight lies elsewhere.
  static OnnxModel model_at(const std::string& location, const std::string& offset = "0",
                            const std::string& length = "48") {
    OnnxModel model = one_layer();
    onnx::TensorProto& weight = weight_of(model);
    weight.clear_raw_data();
    weight.set_data_location(onnx::TensorProto::EXTERNAL);
    const std::string pairs[3][2] = {{"location", location}, {"offset", offset}, {"length", length}};
    for (const auto& [key, value] : pairs) {
      auto* entry = weight.add_external_data();
      entry->set_key(key);
      entry->set_value(value);
    }
    return model;
  }
  std::string refusal_at(const std::string& location, const std::string& offset = "0",
                         const std::string& length = "48") const {
    return refusal_of_bytes(model_at(location, offset, length).bytes(), folder_ / "model");
  }

  const fs::path folder_;
};

TEST_F(OnnxTensorFiles, beside_the_model_are_read) {
  write_file_atomically(folder_ / "model" / "m.onnx", model_at("weights.bin", "16").bytes());
  const OnnxImport import = import_onnx(folder_ / "model" / "m.onnx");
  EXPECT_TRUE(import.tensors.at(0).second.equal(at::full({3, 4}, 2)));
}

TEST_F(OnnxTensorFiles, outside_the_models_folder_are_refused) {
  EXPECT_THAT(refusal_at("../secret.bin"), testing::HasSubstr("not below the model's folder"));
  EXPECT_THAT(refusal_at("sub/../../secret.bin"), testing::HasSubstr("not below the model's folder"));
  EXPECT_THAT(refusal_at((folder_ / "secret.bin").string()), testing::HasSubstr("not below the model's folder"));
  EXPECT_THAT(refusal_at(""), testing::HasSubstr("not below the model's folder"));
  fs::create_symlink(folder_ / "secret.bin", folder_ / "model" / "link.bin");
  EXPECT_THAT(refusal_at("link.bin"), testing::HasSubstr("links out of the model's folder"));
  fs::create_directory_symlink(folder_, folder_ / "model" / "up");
  EXPECT_THAT(refusal_at("up/secret.bin"), testing::HasSubstr("links out of the model's folder"));
  EXPECT_THAT(refusal_at("."), testing::HasSubstr("no file"));
  EXPECT_THAT(refusal_at("missing.bin"), testing::HasSubstr("no file"));
}

TEST_F(OnnxTensorFiles, shorter_than_the_tensors_are_refused) {
  EXPECT_THAT(refusal_at("weights.bin", "240"),
              testing::HasSubstr("asks for 48 bytes from 240 on of \"weights.bin\", which has 256"));
  EXPECT_THAT(refusal_at("weights.bin", "-1"), testing::HasSubstr("has \"-1\" as the offset"));
  EXPECT_THAT(refusal_at("weights.bin", "9223372036854775807"), testing::HasSubstr("asks for 48 bytes"));
  EXPECT_THAT(refusal_at("weights.bin", "0", "12"),
              testing::HasSubstr("has 12 bytes of data, but its shape asks for 48"));
}

}  // namespace
}  // namespace espalier
