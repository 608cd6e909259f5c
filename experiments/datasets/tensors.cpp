#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "base/files.h"
#include "base/sha256.h"
#include "experiments/datasets/foreign_file.h"
#include "experiments/datasets/source.h"
#include "experiments/formats/safetensors.h"

// Any data from Python: x and y, and x_test and y_test if there is a test set, in one safetensors file.
// x is uint8 [N, C, H, W], pixels that a network sees divided by 255, or float32 (float16, bfloat16) [N, C, H, W] or
// [N, F], numbers that it sees as they are; y is uint8, int64 or int32 [N]. docs/datasets.md has the snippet that
// writes one.

namespace espalier {
namespace {

constexpr std::uintmax_t kMostTensorBytes = std::uintmax_t{16} << 30;
constexpr std::int64_t kLongestTensorSide = 65'536;
constexpr std::int64_t kMostTensorClasses = 256;  // each has rows of its own in results
constexpr std::int64_t kTestShare = 6;            // the test set, where the file has none: the last sixth
constexpr std::int64_t kTensorValidationShare = 12;

/// Exactly: every half, brain or not, is a float.
float float_of(TensorType type, std::uint16_t half) {
  if (type == TensorType::bf16) return std::bit_cast<float>(std::uint32_t{half} << 16U);
  const bool negative = (half & 0x8000U) != 0;
  const int exponent = static_cast<int>((half >> 10U) & 0x1fU);
  const auto fraction = static_cast<float>(half & 0x3ffU);
  const float size = exponent == 0      ? std::ldexp(fraction, -24)
                     : exponent == 0x1f ? (fraction == 0 ? std::numeric_limits<float>::infinity()
                                                         : std::numeric_limits<float>::quiet_NaN())
                                        : std::ldexp(fraction + 0x400, exponent - 25);
  return negative ? -size : size;
}

bool is_half(TensorType type) {
  return type == TensorType::f16 || type == TensorType::bf16;
}

struct TensorSet {
  Examples train, test;
  bool keeps_shape = false;
  std::vector<std::string> remarks;
  std::array<std::int64_t, 3> shape{};
  std::int64_t classes = 0;
  std::string content;
};

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string text;
  for (const std::int64_t extent : shape) text += (text.empty() ? "" : ", ") + std::to_string(extent);
  return "[" + text + "]";
}

std::string type_text(TensorType type) {
  switch (type) {
    case TensorType::boolean:
      return "bool";
    case TensorType::u8:
      return "uint8";
    case TensorType::i32:
      return "int32";
    case TensorType::i64:
      return "int64";
    case TensorType::f16:
      return "float16";
    case TensorType::bf16:
      return "bfloat16";
    case TensorType::f32:
      return "float32";
    case TensorType::f64:
      break;
  }
  return "float64";
}

/// One file while it is read; every error begins with its path.
class TensorReader {
 public:
  explicit TensorReader(const std::filesystem::path& path) : path_(path) {
    if (path.empty()) fail("no file is named; write dataset: {tensors: FILE.safetensors}");
    bytes_ = read_file(path, kMostTensorBytes);
    try {
      tensors_ = parse_safetensors(bytes_, path.string()).tensors;
    } catch (const Error& error) {
      const std::string foreign = foreign_kind(bytes_);
      if (!foreign.empty()) fail("is no safetensors file but " + foreign);
      throw Error(ErrorKind::invalid_input, std::string(error.what()) +
                                                "; write x (uint8 or float32) and y (uint8 or int64) with " +
                                                "safetensors.torch.save_file or safetensors.numpy.save_file");
    }
    for (const TensorBytes& tensor : tensors_) {
      const bool known = tensor.name == "x" || tensor.name == "y" || tensor.name == "x_test" || tensor.name == "y_test";
      if (!known) fail("holds \"" + tensor.name + "\"; it may hold x, y, x_test and y_test and nothing else");
    }
  }

  TensorSet read() {
    const TensorBytes& x = need("x");
    TensorSet set;
    set.shape = example_shape(x);
    set.keeps_shape = x.shape.size() == 4;
    remark_on_channels(x, set);
    set.train = read_split(x, need("y"));
    if (find("x_test") != nullptr || find("y_test") != nullptr) {
      const TensorBytes& x_test = need("x_test");
      if (x_test.type != x.type || example_shape(x_test) != set.shape || x_test.shape.size() != x.shape.size()) {
        fail("x_test is " + describe(x_test) + " and x is " + describe(x) + "; examples must be alike");
      }
      set.test = read_split(x_test, need("y_test"));
    } else {
      split_test_off(set);
    }
    set.classes = 1 + std::max(std::ranges::max(set.train.labels), std::ranges::max(set.test.labels));
    set.content = "tensors:" + to_hex(sha256(bytes_));
    return set;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw Error(ErrorKind::invalid_input, (path_.empty() ? "tensors" : path_.string()) + ": " + what);
  }

  static std::string describe(const TensorBytes& tensor) { return type_text(tensor.type) + shape_text(tensor.shape); }

  const TensorBytes* find(std::string_view name) const {
    const auto found = std::ranges::find(tensors_, name, &TensorBytes::name);
    return found == tensors_.end() ? nullptr : &*found;
  }

  const TensorBytes& need(const std::string& name) const {
    const TensorBytes* tensor = find(name);
    if (tensor == nullptr) {
      const bool test = name.size() > 1;
      fail("holds no " + name + (test ? "; x_test and y_test go together" : "; x and y are needed"));
    }
    return *tensor;
  }

  /// Of one example: [C, H, W], or [1, 1, F] for rows of F numbers.
  std::array<std::int64_t, 3> example_shape(const TensorBytes& x) const {
    if (x.type != TensorType::u8 && x.type != TensorType::f32 && !is_half(x.type)) {
      fail(x.name + " is " + type_text(x.type) + "; convert it to float32, or to uint8 if it is pixels");
    }
    if (x.shape.size() != 2 && x.shape.size() != 4) {
      fail(x.name + " has the shape " + shape_text(x.shape) +
           "; expected [N, C, H, W] or [N, F] (grey images of [N, H, W] become x[:, None])");
    }
    for (const std::int64_t side : x.shape) {
      if (side == 0) fail(x.name + " has the shape " + shape_text(x.shape) + ", which holds no examples");
    }
    for (std::size_t i = 1; i < x.shape.size(); ++i) {
      if (x.shape[i] <= kLongestTensorSide) continue;
      fail(x.name + " has the shape " + shape_text(x.shape) + "; a side of an example is at most " +
           std::to_string(kLongestTensorSide));
    }
    return x.shape.size() == 4 ? std::array<std::int64_t, 3>{x.shape[1], x.shape[2], x.shape[3]}
                               : std::array<std::int64_t, 3>{1, 1, x.shape[1]};
  }

  Examples read_split(const TensorBytes& x, const TensorBytes& y) const {
    if (y.shape != std::vector<std::int64_t>{x.shape[0]}) {
      fail(y.name + " has the shape " + shape_text(y.shape) + "; " + x.name + " " + shape_text(x.shape) +
           " needs one label each, of shape [" + std::to_string(x.shape[0]) + "]");
    }
    Examples set;
    set.count = x.shape[0];
    set.labels = read_labels(y);
    if (x.type == TensorType::u8) {
      set.pixels.assign(x.bytes.begin(), x.bytes.end());
    } else if (is_half(x.type)) {
      set.values = read_halves(x);
      expect_finite(x, set.values);
    } else {
      set.values.resize(x.bytes.size() / sizeof(float));
      std::memcpy(set.values.data(), x.bytes.data(), x.bytes.size());
      expect_finite(x, set.values);
    }
    return set;
  }

  static std::vector<float> read_halves(const TensorBytes& x) {
    std::vector<float> values;
    values.reserve(x.bytes.size() / sizeof(std::uint16_t));
    for (std::size_t at = 0; at < x.bytes.size(); at += sizeof(std::uint16_t)) {
      std::uint16_t half = 0;
      std::memcpy(&half, x.bytes.data() + at, sizeof half);
      values.push_back(float_of(x.type, half));
    }
    return values;
  }

  /// Images as most of Python's libraries hold them, [N, H, W, 3], would be taken for H channels of W x 3.
  static void remark_on_channels(const TensorBytes& x, TensorSet& set) {
    if (x.shape.size() != 4 || (x.shape[3] != 1 && x.shape[3] != 3) || x.shape[1] <= 3 || x.shape[2] <= 3) return;
    set.remarks.push_back(x.name + " has the shape " + shape_text(x.shape) + ", which is taken as " +
                          std::to_string(x.shape[1]) + " channels of " + std::to_string(x.shape[2]) + "x" +
                          std::to_string(x.shape[3]) +
                          "; images whose channels come last become x.transpose(0, 3, 1, 2)");
  }

  void expect_finite(const TensorBytes& x, const std::vector<float>& values) const {
    const auto wrong = std::ranges::find_if(values, [](float value) { return !std::isfinite(value); });
    if (wrong == values.end()) return;
    const std::int64_t example = (wrong - values.begin()) / (std::ssize(values) / x.shape[0]);
    fail(x.name + "[" + std::to_string(example) + "] holds " + std::to_string(*wrong) +
         "; every value must be finite: remove or fill in such examples");
  }

  std::vector<std::int64_t> read_labels(const TensorBytes& y) const {
    if (y.type == TensorType::u8) return read_labels_as<std::uint8_t>(y);
    if (y.type == TensorType::i64) return read_labels_as<std::int64_t>(y);
    if (y.type == TensorType::i32) return read_labels_as<std::int32_t>(y);
    fail(y.name + " is " + type_text(y.type) + "; convert it to int64 or uint8");
  }

  template <typename Label>
  std::vector<std::int64_t> read_labels_as(const TensorBytes& y) const {
    std::vector<std::int64_t> labels;
    labels.reserve(y.bytes.size() / sizeof(Label));
    for (std::size_t at = 0; at < y.bytes.size(); at += sizeof(Label)) {
      Label label = 0;
      std::memcpy(&label, y.bytes.data() + at, sizeof label);
      if (std::cmp_less(label, 0) || std::cmp_greater_equal(label, kMostTensorClasses)) {
        fail(y.name + "[" + std::to_string(labels.size()) + "] is " + std::to_string(label) +
             "; labels are 0, 1, ... and at most " + std::to_string(kMostTensorClasses - 1));
      }
      labels.push_back(static_cast<std::int64_t>(label));
    }
    return labels;
  }

  /// The last N / 6 examples, rounded to the nearest and at least one, are for testing.
  void split_test_off(TensorSet& set) const {
    const std::int64_t count = set.train.count;
    if (count < 2) fail("x holds one example; training and testing need one each");
    const std::int64_t test = std::max<std::int64_t>(1, (count + kTestShare / 2) / kTestShare);
    const std::int64_t size = set.shape[0] * set.shape[1] * set.shape[2];
    const auto cut = [&](auto& from, auto& to, std::int64_t begin) {
      if (from.empty()) return;
      to.assign(from.begin() + begin, from.end());
      from.resize(static_cast<std::size_t>(begin));
    };
    set.train.count = count - test;
    set.test.count = test;
    cut(set.train.labels, set.test.labels, set.train.count);
    cut(set.train.pixels, set.test.pixels, set.train.count * size);
    cut(set.train.values, set.test.values, set.train.count * size);
  }

  std::filesystem::path path_;
  std::string bytes_;
  std::vector<TensorBytes> tensors_;  // views into bytes_
};

DatasetSpec resolve_tensors(const DatasetRequest& request, const DataFolder&) {
  const TensorSet set = TensorReader(request.path).read();
  DatasetSpec spec;
  spec.name = "tensors";
  spec.content = set.content;
  spec.shape = set.shape;
  spec.classes = set.classes;
  choose_split(spec, request,
               {set.train.count, set.test.count, set.train.count, set.test.count, kTensorValidationShare});
  spec.keeps_shape = set.keeps_shape && is_line(spec.shape);
  spec.remarks = set.remarks;
  judge_labels(spec, set.train.labels, set.test.labels, request.path);
  return spec;
}

Dataset load_tensors(const DatasetSpec& spec, const std::string& path, const DataFolder&) {
  TensorSet set = TensorReader(path).read();
  const bool enough = spec.train + spec.validation <= set.train.count && spec.test <= set.test.count;
  if (set.content != spec.content || set.shape != spec.shape || !enough) {
    throw Error(ErrorKind::corrupt, path + ": not the file that the sweep was made with (" + set.content +
                                        ", expected " + spec.content + "); put that back, or start the sweep again");
  }
  return split_examples(spec, std::move(set.train), std::move(set.test));
}

DatasetPresence tensors_presence(const DataFolder&) {
  return {false,
          "put x and y, and x_test and y_test if there are, into one safetensors file and write dataset: "
          "{tensors: FILE}"};
}

DatasetFiles tensors_files(const std::string& path, const DataFolder&) {
  return {{std::filesystem::path(path).filename().string(), path}};
}

}  // namespace

DatasetSource dataset_tensors() {
  return {resolve_tensors, load_tensors, tensors_presence, tensors_files};
}

}  // namespace espalier
