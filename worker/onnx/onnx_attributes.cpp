#include "worker/onnx/onnx_attributes.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>
#include <onnx/onnx_pb.h>

#include "base/error.h"

namespace espalier {
namespace {

using onnx::AttributeProto;

constexpr std::int64_t kMostSliced = std::int64_t{1} << 24;

const AttributeProto* of_kind(const AttributeProto* attribute, AttributeProto::AttributeType kind) {
  if (attribute != nullptr && attribute->type() != kind)
    throw Error(ErrorKind::invalid_input, "has an attribute " + attribute->name() + " of another kind than ONNX's");
  return attribute;
}

}  // namespace

const AttributeProto* OnnxAttributes::find(const std::string& name) const {
  for (const AttributeProto& attribute : node_.attribute()) {
    if (attribute.name() == name) return &attribute;
  }
  return nullptr;
}

std::int64_t OnnxAttributes::integer(const std::string& name, std::int64_t otherwise) const {
  const AttributeProto* found = of_kind(find(name), AttributeProto::INT);
  return found == nullptr ? otherwise : found->i();
}

double OnnxAttributes::number(const std::string& name, double otherwise) const {
  const AttributeProto* found = of_kind(find(name), AttributeProto::FLOAT);
  return found == nullptr ? otherwise : as_written(found->f());
}

std::string OnnxAttributes::word(const std::string& name, const std::string& otherwise) const {
  const AttributeProto* found = of_kind(find(name), AttributeProto::STRING);
  return found == nullptr ? otherwise : found->s();
}

std::vector<std::int64_t> OnnxAttributes::integers(const std::string& name) const {
  const AttributeProto* found = of_kind(find(name), AttributeProto::INTS);
  if (found == nullptr) return {};
  return {found->ints().begin(), found->ints().end()};
}

std::vector<double> OnnxAttributes::numbers(const std::string& name) const {
  const AttributeProto* found = of_kind(find(name), AttributeProto::FLOATS);
  if (found == nullptr) return {};
  return {found->floats().begin(), found->floats().end()};
}

double as_written(float number) {
  char text[32];
  const char* end = std::to_chars(text, text + sizeof text, number).ptr;
  double result = number;
  if (std::isfinite(number)) std::from_chars(text, end, result);
  return result;
}

std::vector<std::int64_t> sliced_indices(std::int64_t start, std::int64_t end, std::int64_t step, std::int64_t size) {
  if (step == 0) throw Error(ErrorKind::invalid_input, "slices in steps of 0");
  const auto inside = [&](std::int64_t bound, std::int64_t least, std::int64_t most) {
    return std::clamp(bound < 0 && bound >= -size ? bound + size : bound, least, most);
  };
  if (size > kMostSliced) throw Error(ErrorKind::invalid_input, "slices " + std::to_string(size) + " indices");
  std::vector<std::int64_t> indices;
  step = std::clamp(step, -size - 1, size + 1);
  if (step > 0) {
    end = inside(end, 0, size);
    for (std::int64_t i = inside(start, 0, size); i < end; i += step) indices.push_back(i);
  } else {
    end = inside(end, -1, size - 1);
    for (std::int64_t i = inside(start, -1, size - 1); i > end; i += step) indices.push_back(i);
  }
  return indices;
}

std::vector<std::int64_t> split_sizes(std::vector<std::int64_t> given, std::int64_t parts, std::int64_t size) {
  if (given.empty() && parts > 0) {
    const std::int64_t each = (size + parts - 1) / parts;
    for (std::int64_t i = 0; i < parts; ++i) given.push_back(std::min(each, size - i * each));
  }
  std::int64_t sum = 0;
  for (const std::int64_t part : given) {
    if (part < 0 || part > size) sum = size + 1;
    sum = std::min(sum + part, size + 1);
  }
  if (sum != size || static_cast<std::int64_t>(given.size()) != parts)
    throw Error(ErrorKind::invalid_input, "splits " + std::to_string(size) + " indices into parts of another sum");
  return given;
}

}  // namespace espalier
