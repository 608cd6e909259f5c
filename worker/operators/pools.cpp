#include <ATen/ops/adaptive_avg_pool1d.h>
#include <ATen/ops/adaptive_avg_pool2d.h>
#include <ATen/ops/adaptive_avg_pool3d.h>
#include <ATen/ops/avg_pool1d.h>
#include <ATen/ops/avg_pool2d.h>
#include <ATen/ops/avg_pool3d.h>
#include <ATen/ops/max_pool1d.h>
#include <ATen/ops/max_pool2d.h>
#include <ATen/ops/max_pool3d.h>
#include <ATen/ops/norm.h>
#include <ATen/ops/upsample_bilinear2d.h>
#include <ATen/ops/upsample_linear1d.h>
#include <ATen/ops/upsample_nearest1d.h>
#include <ATen/ops/upsample_nearest2d.h>
#include <ATen/ops/upsample_nearest3d.h>
#include <ATen/ops/upsample_trilinear3d.h>

#include "base/error.h"
#include "worker/operators/computations.h"

namespace espalier {
namespace {

[[noreturn]] void no_such_rank(const Node& node) {
  throw Error(ErrorKind::internal, "operator " + node.name + " has no form for so many dimensions");
}

}  // namespace

at::Tensor compute_max_pool(const Computed& computed) {
  const Node& node = computed.node;
  const auto &kernel = node.integers("kernel"), &strides = node.integers("strides"),
             &padding = node.integers("padding"), &dilations = node.integers("dilations");
  const bool round_up = node.integer("round_up") != 0;
  switch (kernel.size()) {
    case 1:
      return at::max_pool1d(computed.x(), kernel, strides, padding, dilations, round_up);
    case 2:
      return at::max_pool2d(computed.x(), kernel, strides, padding, dilations, round_up);
    case 3:
      return at::max_pool3d(computed.x(), kernel, strides, padding, dilations, round_up);
    default:
      no_such_rank(node);
  }
}

at::Tensor compute_average_pool(const Computed& computed) {
  const Node& node = computed.node;
  const auto &kernel = node.integers("kernel"), &strides = node.integers("strides"),
             &padding = node.integers("padding");
  const bool round_up = node.integer("round_up") != 0, count_padding = node.integer("count_padding") != 0;
  switch (kernel.size()) {
    case 1:
      return at::avg_pool1d(computed.x(), kernel, strides, padding, round_up, count_padding);
    case 2:
      return at::avg_pool2d(computed.x(), kernel, strides, padding, round_up, count_padding);
    case 3:
      return at::avg_pool3d(computed.x(), kernel, strides, padding, round_up, count_padding);
    default:
      no_such_rank(node);
  }
}

at::Tensor compute_adaptive_average_pool(const Computed& computed) {
  const auto& sizes = computed.node.integers("sizes");
  switch (sizes.size()) {
    case 1:
      return at::adaptive_avg_pool1d(computed.x(), sizes);
    case 2:
      return at::adaptive_avg_pool2d(computed.x(), sizes);
    case 3:
      return at::adaptive_avg_pool3d(computed.x(), sizes);
    default:
      no_such_rank(computed.node);
  }
}

at::Tensor compute_reduce_mean(const Computed& computed) {
  return computed.x().mean(computed.node.integers("dims"), computed.node.integer("keep_dims") != 0);
}

at::Tensor compute_reduce_max(const Computed& computed) {
  return computed.x().amax(computed.node.integers("dims"), computed.node.integer("keep_dims") != 0);
}

at::Tensor compute_reduce_l2(const Computed& computed) {
  return at::norm(computed.x(), 2, computed.node.integers("dims"), computed.node.integer("keep_dims") != 0);
}

at::Tensor compute_resize(const Computed& computed) {
  const Node& node = computed.node;
  const at::Tensor& x = computed.x();
  const auto& sizes = node.integers("sizes");
  const bool nearest = node.word("mode") == "nearest", corners = node.integer("align_corners") != 0;
  switch (sizes.size()) {
    case 1:
      return nearest ? at::upsample_nearest1d(x, sizes) : at::upsample_linear1d(x, sizes, corners);
    case 2:
      return nearest ? at::upsample_nearest2d(x, sizes) : at::upsample_bilinear2d(x, sizes, corners);
    case 3:
      return nearest ? at::upsample_nearest3d(x, sizes) : at::upsample_trilinear3d(x, sizes, corners);
    default:
      no_such_rank(node);
  }
}

}  // namespace espalier
