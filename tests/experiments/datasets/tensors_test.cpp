#include <cmath>
#include <limits>
#include <numeric>

#include <gmock/gmock.h>

#include "base/sha256.h"
#include "experiments/datasets/dataset.h"
#include "experiments/formats/safetensors.h"
#include "tests/experiments/datasets/idx_bytes.h"

namespace espalier {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

template <typename Value>
TensorBytes tensor(const std::string& name, TensorType type, std::vector<std::int64_t> shape,
                   const std::vector<Value>& values) {
  return {name, type, std::move(shape), {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(Value)}};
}

class Tensors : public IdxFolder {
 protected:
  std::string file() const { return (folder_ / "data.safetensors").string(); }
  void save(const std::vector<TensorBytes>& tensors) const { write("data.safetensors", to_safetensors({{}, tensors})); }
  DatasetRequest request() const {
    DatasetRequest request;
    request.name = "tensors";
    request.path = file();
    return request;
  }
  DatasetSpec resolve() const { return resolve_dataset(request(), {}); }
  Dataset load() const { return load_dataset(resolve(), file(), {}); }
  std::string refusal() const {
    return error_of(ErrorKind::invalid_input, [&] { resolve(); });
  }
  std::string refusal_of(const std::vector<TensorBytes>& tensors) const {
    save(tensors);
    return refusal();
  }

  std::vector<std::string> resolve_labels(std::vector<std::int64_t> classes) {
    classes_ = std::move(classes);
    save({rows(), labels()});
    return resolve().remarks;
  }

  /// Twelve rows of two numbers, i and -i.
  TensorBytes rows() const { return tensor("x", TensorType::f32, {12, 2}, numbers_); }
  TensorBytes labels() const { return tensor("y", TensorType::i64, {12}, classes_); }

  std::vector<float> numbers_ = [] {
    std::vector<float> numbers;
    for (int i = 0; i < 12; ++i) numbers.insert(numbers.end(), {static_cast<float>(i), static_cast<float>(-i)});
    return numbers;
  }();
  std::vector<std::int64_t> classes_{0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2};
};

TEST_F(Tensors, RowsOfNumbersAreExamplesAndTheLastSixthIsForTesting) {
  save({rows(), labels()});
  const DatasetSpec spec = resolve();
  EXPECT_EQ(spec.name, "tensors");
  EXPECT_THAT(spec.shape, ElementsAre(1, 1, 2));
  EXPECT_EQ(spec.classes, 3);
  EXPECT_EQ(spec.train, 9);
  EXPECT_EQ(spec.validation, 1);  // of ten: one in twelve
  EXPECT_EQ(spec.test, 2);
  const Dataset data = load();
  EXPECT_TRUE(data.train.pixels.empty());
  EXPECT_EQ(data.train.values, std::vector<float>(numbers_.begin(), numbers_.begin() + 18));
  EXPECT_THAT(data.validation.values, ElementsAre(9, -9));
  EXPECT_THAT(data.test.values, ElementsAre(10, -10, 11, -11));
  EXPECT_THAT(data.test.labels, ElementsAre(1, 2));
}

TEST_F(Tensors, ImagesOfBytesComeWithTheirOwnTestSet) {
  std::vector<std::uint8_t> pixels(3 * 2 * 1 * 2), test_pixels(2 * 1 * 2, 200);
  std::iota(pixels.begin(), pixels.end(), std::uint8_t{0});
  const std::vector<std::uint8_t> y{0, 1, 4}, y_test{2};
  save({tensor("x", TensorType::u8, {3, 2, 1, 2}, pixels), tensor("x_test", TensorType::u8, {1, 2, 1, 2}, test_pixels),
        tensor("y", TensorType::u8, {3}, y), tensor("y_test", TensorType::u8, {1}, y_test)});
  const DatasetSpec spec = resolve();
  EXPECT_THAT(spec.shape, ElementsAre(2, 1, 2));
  EXPECT_EQ(spec.classes, 5);
  EXPECT_EQ(spec.train, 3);
  EXPECT_EQ(spec.validation, 0);
  const Dataset data = load();
  EXPECT_EQ(data.train.pixels, pixels);
  EXPECT_EQ(data.test.pixels, test_pixels);
  EXPECT_THAT(data.test.labels, ElementsAre(2));
  EXPECT_TRUE(data.train.values.empty());
}

TEST_F(Tensors, ContentIsOfTheBytes) {
  save({rows(), labels()});
  const DatasetSpec spec = resolve();
  EXPECT_EQ(spec.content, "tensors:" + to_hex(sha256_file(file())));
  numbers_[3] = 0.5F;
  save({rows(), labels()});
  EXPECT_THAT(error_of(ErrorKind::corrupt, [&] { load_dataset(spec, file(), {}); }),
              AllOf(HasSubstr(file()), HasSubstr("not the file that the sweep was made with")));
}

TEST_F(Tensors, FewerMayBeAskedFor) {
  save({rows(), labels()});
  DatasetRequest fewer = request();
  fewer.train = 4;
  fewer.validation = 1;
  fewer.test = 1;
  const Dataset data = load_dataset(resolve_dataset(fewer, {}), file(), {});
  EXPECT_THAT(data.train.values, ElementsAre(0, -0.0F, 1, -1, 2, -2));
  EXPECT_THAT(data.validation.values, ElementsAre(3, -3));
  EXPECT_THAT(data.test.values, ElementsAre(10, -10));
  fewer.train = 11;
  EXPECT_THAT(error_of(ErrorKind::invalid_input, [&] { resolve_dataset(fewer, {}); }), HasSubstr("between 1 and 10"));
}

TEST_F(Tensors, RefusesWhatIsNoSuchFile) {
  EXPECT_THAT(refusal(), HasSubstr(file()));
  write("data.safetensors", "PK\3\4 a zip archive, as torch.save writes it");
  EXPECT_THAT(refusal(), HasSubstr("is no safetensors file but a zip archive"));
  write("data.safetensors", "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n");
  EXPECT_THAT(refusal(), HasSubstr("but a Git LFS pointer; fetch the file itself with git lfs pull"));
  write("data.safetensors", "\n<!DOCTYPE html><html><head><title>404</title>");
  EXPECT_THAT(refusal(), HasSubstr("but a web page, which a server sent in its place; download it again"));
  write("data.safetensors", "\x93NUMPY\x01");
  EXPECT_THAT(refusal(), HasSubstr("but a NumPy array (.npy)"));
  save({rows(), labels()});
  write("data.safetensors", read_file(file(), 10000).substr(0, 150));
  EXPECT_THAT(refusal(), AllOf(HasSubstr("not a whole safetensors file"), HasSubstr("safetensors.torch.save_file")));
  write("data.safetensors", "");
  EXPECT_THAT(refusal(), HasSubstr("not a whole safetensors file: it has 0 bytes"));
  DatasetRequest nowhere = request();
  nowhere.path = "";
  EXPECT_THAT(error_of(ErrorKind::invalid_input, [&] { resolve_dataset(nowhere, {}); }),
              HasSubstr("dataset: {tensors: FILE.safetensors}"));
}

TEST_F(Tensors, RefusesWrongNamesTypesAndShapes) {
  const std::vector<double> doubles(24);
  const std::vector<std::uint8_t> flags(12);
  EXPECT_THAT(refusal_of({rows()}), HasSubstr("holds no y; x and y are needed"));
  EXPECT_THAT(refusal_of({tensor("X", TensorType::f32, {12, 2}, numbers_), labels()}), HasSubstr("holds \"X\""));
  EXPECT_THAT(refusal_of({rows(), labels(), tensor("x_test", TensorType::f32, {12, 2}, numbers_)}),
              HasSubstr("holds no y_test; x_test and y_test go together"));
  EXPECT_THAT(refusal_of({tensor("x", TensorType::f64, {12, 2}, doubles), labels()}),
              HasSubstr("x is float64; convert it to float32"));
  EXPECT_THAT(refusal_of({tensor("x", TensorType::f32, {12, 1, 2}, numbers_), labels()}),
              AllOf(HasSubstr("x has the shape [12, 1, 2]"), HasSubstr("x[:, None]")));
  EXPECT_THAT(refusal_of({tensor("x", TensorType::f32, {0, 2}, std::vector<float>()), labels()}),
              HasSubstr("holds no examples"));
  EXPECT_THAT(refusal_of({tensor("x", TensorType::f32, {6, 4}, numbers_), labels()}),
              AllOf(HasSubstr("y has the shape [12]"), HasSubstr("of shape [6]")));
  EXPECT_THAT(refusal_of({rows(), tensor("y", TensorType::boolean, {12}, flags)}),
              HasSubstr("y is bool; convert it to int64"));
  EXPECT_THAT(refusal_of({rows(), labels(), tensor("x_test", TensorType::f32, {6, 4}, numbers_),
                          tensor("y_test", TensorType::u8, {12}, flags)}),
              HasSubstr("x_test is float32[6, 4] and x is float32[12, 2]"));
}

TEST_F(Tensors, RefusesValuesThatAreNoNumbersAndLabelsThatAreNoClasses) {
  numbers_[7] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THAT(refusal_of({rows(), labels()}), HasSubstr("x[3] holds nan"));
  numbers_[7] = -std::numeric_limits<float>::infinity();
  EXPECT_THAT(refusal_of({rows(), labels()}), HasSubstr("x[3] holds -inf"));
  numbers_[7] = 0;
  classes_[5] = -1;
  EXPECT_THAT(refusal_of({rows(), labels()}), HasSubstr("y[5] is -1"));
  classes_[5] = 256;
  EXPECT_THAT(refusal_of({rows(), labels()}), HasSubstr("y[5] is 256; labels are 0, 1, ... and at most 255"));
  classes_[5] = 255;
  save({rows(), labels()});
  EXPECT_EQ(resolve().classes, 256);
}

TEST_F(Tensors, TypesThatAreReadWithoutLoss) {
  const std::vector<std::int32_t> classes(classes_.begin(), classes_.end());
  save({rows(), tensor("y", TensorType::i32, {12}, classes)});
  EXPECT_THAT(load().train.labels, ElementsAre(0, 1, 2, 0, 1, 2, 0, 1, 2));
  // 1, -2.5, 65504 (the greatest), 2^-24 (the least), 0.333251953125, -0
  const std::vector<std::uint16_t> halves{0x3c00, 0xc100, 0x7bff, 0x0001, 0x3555, 0x8000};
  const std::vector<std::uint8_t> three{0, 1, 0};
  save({tensor("x", TensorType::f16, {3, 2}, halves), tensor("y", TensorType::u8, {3}, three)});
  EXPECT_THAT(load().train.values, ElementsAre(1.0F, -2.5F, 65504.0F, std::ldexp(1.0F, -24)));
  EXPECT_THAT(load().test.values, ElementsAre(0.333251953125F, 0.0F));
  // 1, -2.5, 3.3895e38 (the greatest), 2^-133 (the least), 0.333984375, -0
  const std::vector<std::uint16_t> brains{0x3f80, 0xc020, 0x7f7f, 0x0001, 0x3eab, 0x8000};
  save({tensor("x", TensorType::bf16, {3, 2}, brains), tensor("y", TensorType::u8, {3}, three)});
  EXPECT_THAT(load().train.values, ElementsAre(1.0F, -2.5F, std::ldexp(255.0F, 120), std::ldexp(1.0F, -133)));
  EXPECT_THAT(load().test.values, ElementsAre(0.333984375F, 0.0F));
  for (const std::uint16_t wrong : std::vector<std::uint16_t>{0x7c00, 0xfc00, 0x7e00}) {
    const std::vector<std::uint16_t> numbers{0, 0, wrong, 0, 0, 0};
    EXPECT_THAT(refusal_of({tensor("x", TensorType::f16, {3, 2}, numbers), tensor("y", TensorType::u8, {3}, three)}),
                HasSubstr("x[1] holds"));
  }
  const std::vector<std::int32_t> numbers(24);
  EXPECT_THAT(refusal_of({tensor("x", TensorType::i32, {12, 2}, numbers), labels()}),
              HasSubstr("x is int32; convert it to float32, or to uint8 if it is pixels"));
  save({rows(), tensor("y", TensorType::i32, {12}, classes)});
  std::string bytes = read_file(file(), 10000);
  bytes.replace(bytes.find("I32"), 3, "U32");
  write("data.safetensors", bytes);
  EXPECT_THAT(refusal(), AllOf(HasSubstr("tensor \"y\" is of the type U32, which is not read here; convert it"),
                               HasSubstr("y (uint8 or int64)"), testing::Not(HasSubstr("whole"))));
}

TEST_F(Tensors, LabelsThatMeasureNothingAreRefusedOrSaid) {
  EXPECT_THAT(resolve_labels({0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2}), testing::IsEmpty());
  save({rows(), tensor("y", TensorType::i64, {12}, std::vector<std::int64_t>(12, 3))});
  EXPECT_THAT(refusal(), AllOf(HasSubstr(file()), HasSubstr("all 9 examples to train on are of class 3, so")));
  save({rows(), tensor("y", TensorType::i64, {12}, std::vector<std::int64_t>{0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1})});
  EXPECT_THAT(refusal(), HasSubstr("all 9 examples to train on are of class 0"));
  EXPECT_THAT(resolve_labels({0, 4, 0, 4, 4, 0, 0, 4, 4, 0, 0, 4}),
              ElementsAre("no example is of class 1 to 3, and networks have an output for each of the 5; number the "
                          "classes 0, 1, ... without gaps"));
  EXPECT_THAT(resolve_labels({0, 1, 0, 1, 1, 0, 0, 1, 1, 3, 0, 2}),
              ElementsAre("no example to train on is of class 2, 3, so that no network can learn it"));
  EXPECT_THAT(
      resolve_labels({0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 0, 1}),
      ElementsAre("the examples are sorted by class, and those held out are the last ones: shuffle them first"));
}

TEST_F(Tensors, AClassThatOnlyTheTestSetHasIsSaid) {
  const std::vector<float> more(4);
  const std::vector<std::int64_t> other{2, 5};
  save({rows(), labels(), tensor("x_test", TensorType::f32, {2, 2}, more),
        tensor("y_test", TensorType::i64, {2}, other)});
  EXPECT_THAT(resolve().remarks, ElementsAre(HasSubstr("no example is of class 3, 4"),
                                             HasSubstr("no example to train on is of class 5, so")));
}

TEST_F(Tensors, ChannelsThatComeLastAreSaid) {
  const std::vector<std::uint8_t> pixels(12 * 8 * 8 * 3);
  const auto remarks = [&](std::vector<std::int64_t> shape) {
    std::int64_t size = 1;
    for (const std::int64_t side : shape) size *= side;
    save({tensor("x", TensorType::u8, std::move(shape), std::vector<std::uint8_t>(static_cast<std::size_t>(size))),
          labels()});
    return resolve().remarks;
  };
  EXPECT_THAT(
      remarks({12, 8, 8, 3}),
      ElementsAre("x has the shape [12, 8, 8, 3], which is taken as 8 channels of 8x3; images whose channels come "
                  "last become x.transpose(0, 3, 1, 2)"));
  EXPECT_THAT(remarks({12, 8, 8, 1}), ElementsAre(HasSubstr("8 channels of 8x1")));
  EXPECT_THAT(remarks({12, 3, 8, 8}), testing::IsEmpty());
  EXPECT_THAT(remarks({12, 1, 3, 3}), testing::IsEmpty());
  EXPECT_THAT(remarks({12, 8, 1, 1}), testing::IsEmpty());
}

TEST_F(Tensors, AShapeThatCouldBeOfARowIsKept) {
  const auto keeps = [&](std::vector<std::int64_t> shape) {
    save({tensor("x", TensorType::f32, std::move(shape), numbers_), labels()});
    return resolve().keeps_shape;
  };
  EXPECT_FALSE(keeps({12, 2}));
  EXPECT_TRUE(keeps({12, 1, 1, 2}));
  EXPECT_TRUE(keeps({12, 2, 1, 1}));
  numbers_.resize(48);
  EXPECT_FALSE(keeps({12, 1, 2, 2}));  // an image beyond doubt, as ever
}

}  // namespace
}  // namespace espalier
