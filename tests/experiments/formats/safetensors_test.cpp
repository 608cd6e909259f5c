#include "experiments/formats/safetensors.h"

#include <cstring>
#include <unistd.h>

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"

namespace espalier {
namespace {

std::string with_header(std::string header, const std::string& data) {
  const std::uint64_t length = header.size();
  std::string file(8, '\0');
  std::memcpy(file.data(), &length, 8);
  return file + header + data;
}

void expect_corrupt(const std::string& file) {
  try {
    parse_safetensors(file, "x.safetensors");
    ADD_FAILURE() << "accepted: " << file.substr(8, 200);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::corrupt) << error.what();
  }
}

TEST(Safetensors, ReadsBackWhatWasWritten) {
  const std::string weights(24, 'w'), empty, mask(3, '\1');
  const Safetensors content{{{"stage", "abc"}},
                            {{"fc1.weight", TensorType::f32, {2, 3}, weights},
                             {"none", TensorType::f64, {0, 4}, empty},
                             {"a.mask", TensorType::u8, {3}, mask}}};
  const std::string file = to_safetensors(content);
  std::uint64_t length = 0;
  std::memcpy(&length, file.data(), 8);
  EXPECT_EQ(length % 8, 0U);
  const Safetensors back = parse_safetensors(file, "x");
  EXPECT_EQ(back.metadata, content.metadata);
  ASSERT_EQ(back.tensors.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(back.tensors[i].name, content.tensors[i].name);
    EXPECT_EQ(back.tensors[i].type, content.tensors[i].type);
    EXPECT_EQ(back.tensors[i].shape, content.tensors[i].shape);
    EXPECT_EQ(back.tensors[i].bytes, content.tensors[i].bytes);
  }
  EXPECT_EQ(to_safetensors(back), file);
}

TEST(Safetensors, ReadsTheFormatsOwnExample) {
  const std::string file =
      with_header(R"({"a":{"dtype":"I64","shape":[1],"data_offsets":[0,8]}}  )", std::string(8, '\2'));
  EXPECT_EQ(parse_safetensors(file, "x").tensors.at(0).name, "a");
}

TEST(Safetensors, RefusesEveryTruncation) {
  const std::string weights(24, 'w');
  const std::string file = to_safetensors({{{"k", "v"}}, {{"w", TensorType::f32, {6}, weights}}});
  for (std::size_t length = 0; length < file.size(); ++length) expect_corrupt(file.substr(0, length));
  expect_corrupt(file + "x");
}

TEST(Safetensors, RefusesHostileHeaders) {
  expect_corrupt(std::string(8, '\xff'));
  expect_corrupt(with_header("[]", ""));
  expect_corrupt(with_header("{", ""));
  expect_corrupt(with_header(R"({"a":7})", ""));
  expect_corrupt(with_header(R"({"__metadata__":{"a":1}})", ""));
  expect_corrupt(with_header(R"({"a":{"dtype":"F7","shape":[1],"data_offsets":[0,4]}})", "1234"));
  expect_corrupt(with_header(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", "1234"));
  expect_corrupt(with_header(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})", "1234"));
  expect_corrupt(with_header(R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})", "1234"));
  expect_corrupt(with_header(R"({"a":{"dtype":"F32","shape":[1.5],"data_offsets":[0,4]}})", "1234"));
  expect_corrupt(with_header(R"({"a":{"dtype":"F32","shape":[4611686018427387905,4],"data_offsets":[0,4]}})", "1234"));
  expect_corrupt(with_header(R"({"a":{"dtype":"F32","shape":[1e300],"data_offsets":[0,4]}})", "1234"));
  expect_corrupt(with_header(R"({"a":{"dtype":"F32","shape":"1","data_offsets":[0,4]}})", "1234"));
  // Two tensors on the same bytes, and a hole between two.
  expect_corrupt(with_header(
      R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}})",
      "123"));
  expect_corrupt(with_header(
      R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}})",
      "123"));
}

// Another reader would take the other one.
TEST(Safetensors, RefusesWhatIsGivenTwice) {
  const std::string a = R"("a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]})";
  expect_corrupt(with_header("{" + a + "," + a + "}", "1"));
  expect_corrupt(with_header(R"({"a":{"dtype":"U8","dtype":"BOOL","shape":[1],"data_offsets":[0,1]}})", "1"));
  expect_corrupt(with_header(R"({"__metadata__":{"a":"1","a":"2"}})", ""));
  expect_corrupt(with_header(R"({"__metadata__":{},"__metadata__":{}})", ""));
}

TEST(Safetensors, RefusesWhatTheFormatDoesNotHave) {
  expect_corrupt(with_header(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"more":1}})", "1"));
  expect_corrupt(with_header(R"({"a":{"dtype":"U8","shape":[[1]],"data_offsets":[0,1]}})", "1"));
  expect_corrupt(with_header(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1,1]}})", "1"));
  expect_corrupt(with_header(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":{"a":1}}})", "1"));
  expect_corrupt(with_header(R"({"a":{"dtype":["U8"],"shape":[1],"data_offsets":[0,1]}})", "1"));
  expect_corrupt(with_header(R"({"__metadata__":[]})", ""));
  expect_corrupt(with_header(R"({"__metadata__":{"a":{"b":"c"}}})", ""));
  std::string sides = "1";
  for (int i = 0; i < 64; ++i) sides += ",1";
  expect_corrupt(with_header(R"({"a":{"dtype":"U8","shape":[)" + sides + R"(],"data_offsets":[0,1]}})", "1"));
}

// As a tree, either of these would take gigabytes.
TEST(Safetensors, RefusesAHeaderOfBracketsAtItsFirst) {
  expect_corrupt(with_header(std::string(50'000'000, '['), ""));
  std::string braces;
  for (int i = 0; i < 5'000'000; ++i) braces += R"({"a":)";
  expect_corrupt(with_header(braces, ""));
}

TEST(Safetensors, WritingChecksShapesAndNames) {
  const std::string four(4, 'x');
  EXPECT_THROW(to_safetensors({{}, {{"a", TensorType::f32, {2}, four}}}), Error);
  EXPECT_THROW(to_safetensors({{}, {{"a", TensorType::f32, {1}, four}, {"a", TensorType::f32, {1}, four}}}), Error);
}

TEST(Safetensors, ItsMetadataAreReadWithoutItsTensors) {
  const std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("espalier_metadata_" + std::to_string(::getpid()));
  const auto read = [&](const std::string& file) {
    write_file_atomically(path, file);
    return read_safetensors_metadata(path);
  };
  const std::string four(4, 'x');
  const std::string file = to_safetensors({{{"step", "7"}}, {{"a", TensorType::f32, {1}, four}}});
  EXPECT_EQ(read(file).at("step"), "7");
  EXPECT_EQ(read(file.substr(0, file.size() - 4)).at("step"), "7");
  EXPECT_THROW(read(file.substr(0, 20)), Error);
  EXPECT_THROW(read("short"), Error);
  EXPECT_THROW(read(std::string(16, '\xff')), Error);
  std::filesystem::remove(path);
  EXPECT_THROW(read_safetensors_metadata(path), Error);
}

TEST(Safetensors, WhatIsWrittenCanBeRead) {
  const Safetensors long_curves{{{"state", std::string(3 << 20, '"')}}, {}};
  const std::string file = to_safetensors(long_curves);
  EXPECT_EQ(parse_safetensors(file, "x").metadata, long_curves.metadata);
  try {
    to_safetensors({{{"state", std::string(100'000'000, 'x')}}, {}});
    ADD_FAILURE() << "wrote a header that no reader accepts";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::invalid_input);
  }
}

}  // namespace
}  // namespace espalier
