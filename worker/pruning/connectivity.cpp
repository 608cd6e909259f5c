// The network becomes a list of links between wires. A wire is what stands between two operations, one byte per channel
// (per feature of a flat vector or a token) for "the input reaches it" and one for "it reaches the output". Links run
// forward in order to fill the first, backward in reverse order to fill the second; a sum of branches is two links into
// one wire. Nothing here knows more of a convolution than which of its kernels are empty.
#include "worker/pruning/connectivity.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>
#include <variant>

#include "base/error.h"

namespace espalier {
namespace {

using Bytes = std::vector<std::uint8_t>;
using ByteSpan = std::span<const std::uint8_t>;
using WireIndex = std::size_t;

struct Wire {
  Bytes reached;  // from the input
  Bytes needed;   // by the output
};

/// reached[i] of `to` is that of channel (i / step) % channels of `from`: step is the pixels of a flattened channel.
struct CopyLink {
  WireIndex from, to;
  std::size_t step;
};
struct ScaleLink {
  WireIndex from, to;
  ByteSpan mask;  // per channel; empty: all kept
};
/// Every output of a layer norm is made of all its inputs, through their mean and variance.
struct MixLink {
  WireIndex from, to;
  ByteSpan mask;  // of the scale, per channel; empty: all kept
};
struct LayerLink {
  WireIndex from, to;
  std::size_t layer;
};
struct AttentionLink {
  WireIndex from, q, k, v, to;
  std::size_t first_layer, heads;
  ByteSpan q_bias;  // mask; empty: all kept
};
using Link = std::variant<CopyLink, ScaleLink, MixLink, LayerLink, AttentionLink>;

bool any(ByteSpan bytes) {
  return std::ranges::any_of(bytes, [](std::uint8_t byte) { return byte != 0; });
}

bool any_common(ByteSpan a, ByteSpan b) {
  constexpr std::size_t kChunk = 256;  // without a branch inside, so that it is vectorized
  for (std::size_t first = 0; first < a.size(); first += kChunk) {
    std::uint8_t found = 0;
    for (std::size_t i = first; i < std::min(first + kChunk, a.size()); ++i)
      found = static_cast<std::uint8_t>(found | (a[i] & b[i]));
    if (found != 0) return true;
  }
  return false;
}

std::int64_t count_common(ByteSpan a, ByteSpan b) {
  std::uint32_t count = 0;
  for (std::size_t i = 0; i < a.size(); ++i) count += a[i] & b[i];
  return count;
}

std::int64_t sum(ByteSpan bytes) {
  std::uint32_t total = 0;
  for (const std::uint8_t byte : bytes) total += byte;
  return total;
}

/// The matrix [out, in] of a layer's kernels: which of them have a kept element.
class Kernels {
 public:
  Kernels(const PrunableLayer& layer, ByteSpan mask)
      : outputs_(static_cast<std::size_t>(layer.shape[0])),
        inputs_(static_cast<std::size_t>(layer.shape[1])),
        area_(static_cast<std::size_t>(layer.weights) / (outputs_ * inputs_)),
        mask_(mask) {
    if (area_ == 1 || mask_.empty()) return;
    held_.resize(outputs_ * inputs_);
    for (std::size_t kernel = 0; kernel < held_.size(); ++kernel) {
      std::uint8_t found = 0;
      for (std::size_t i = 0; i < area_; ++i) found = static_cast<std::uint8_t>(found | mask_[kernel * area_ + i]);
      held_[kernel] = found;
    }
  }

  std::size_t outputs() const { return outputs_; }

  void forward(const Bytes& from, Bytes& to) const {
    const bool all = mask_.empty() && any(from);
    for (std::size_t out = 0; out < outputs_; ++out) {
      const bool reached = mask_.empty() ? all : any_common(row(out), from);
      to[out] = static_cast<std::uint8_t>(to[out] | (reached ? 1 : 0));
    }
  }

  void backward(const Bytes& to, Bytes& from) const {
    if (mask_.empty()) {
      if (any(to)) std::ranges::fill(from, std::uint8_t{1});
      return;
    }
    for (std::size_t out = 0; out < outputs_; ++out) {
      if (to[out] == 0) continue;
      const ByteSpan kernels = row(out);
      for (std::size_t in = 0; in < inputs_; ++in) from[in] = static_cast<std::uint8_t>(from[in] | kernels[in]);
    }
  }

  /// Kept elements of kernels from a reached input to a needed output.
  std::int64_t effective(const Bytes& reached, const Bytes& needed) const {
    std::int64_t count = 0;
    for (std::size_t out = 0; out < outputs_; ++out) {
      if (needed[out] == 0) continue;
      if (mask_.empty()) {
        count += sum(reached) * static_cast<std::int64_t>(area_);
      } else if (area_ == 1) {
        count += count_common(row(out), reached);
      } else {
        for (std::size_t in = 0; in < inputs_; ++in)
          if (reached[in] != 0) count += sum(mask_.subspan((out * inputs_ + in) * area_, area_));
      }
    }
    return count;
  }

 private:
  ByteSpan row(std::size_t out) const {
    return (held_.empty() ? mask_ : ByteSpan(held_)).subspan(out * inputs_, inputs_);
  }

  std::size_t outputs_, inputs_, area_;
  ByteSpan mask_;  // empty: all kept
  Bytes held_;     // of kernels larger than one element
};

class PathFinder {
 public:
  PathFinder(const ModelDescription& model, const MaskViews& masks)
      : masks_(masks), layers_(prunable_layers(model)), shape_(model.input.begin(), model.input.end()) {
    kernels_.reserve(layers_.size());
    for (const PrunableLayer& layer : layers_)
      kernels_.emplace_back(layer, mask_of(layer.name + ".weight", static_cast<std::size_t>(layer.weights)));
    ends_.resize(layers_.size());
    at_ = new_wire(shape_[0]);
    std::ranges::fill(wires_[at_].reached, std::uint8_t{1});
    walk(model.ops);
  }

  Paths find() {
    for (const Link& link : links_) std::visit([this](const auto& one) { forward(one); }, link);
    std::ranges::fill(wires_[at_].needed, std::uint8_t{1});
    for (auto link = links_.rbegin(); link != links_.rend(); ++link)
      std::visit([this](const auto& one) { backward(one); }, *link);
    Paths paths;
    paths.connectivity.connected = any(wires_[at_].reached);
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      const auto [from, to] = ends_[i];
      LayerPaths& layer = paths.layers.emplace_back();
      layer.layer = layers_[i].name;
      layer.effective = kernels_[i].effective(wires_[from].reached, wires_[to].needed);
      layer.dead_units =
          static_cast<std::int64_t>(kernels_[i].outputs()) - count_common(wires_[to].reached, wires_[to].needed);
      paths.connectivity.effective_kept += layer.effective;
      paths.connectivity.dead_units += layer.dead_units;
    }
    return paths;
  }

 private:
  ByteSpan mask_of(const std::string& parameter, std::size_t size) const {
    const auto found = masks_.find(parameter);
    if (found == masks_.end()) return {};
    if (found->second.size() != size) {
      throw Error(ErrorKind::internal, "the mask of " + parameter + " has " + std::to_string(found->second.size()) +
                                           " elements, not " + std::to_string(size));
    }
    return found->second;
  }

  WireIndex new_wire(std::int64_t channels) {
    const auto size = static_cast<std::size_t>(channels);
    wires_.push_back({Bytes(size), Bytes(size)});
    return wires_.size() - 1;
  }

  std::int64_t present_channels() const { return static_cast<std::int64_t>(wires_[at_].reached.size()); }

  void walk(const std::vector<Op>& ops) {
    for (const Op& one : ops) std::visit([this](const auto& op) { add(op); }, one.op);
  }

  void add(const LinearOp& op) {
    add_layer(op.out);
    if (shape_.size() == 3) shape_.resize(1);
    shape_.back() = op.out;
  }
  void add(const Conv2dOp& op) {
    add_layer(op.out);
    const auto side = [&](std::int64_t before) { return (before + 2 * op.padding - op.kernel) / op.stride + 1; };
    shape_ = {op.out, side(shape_[1]), side(shape_[2])};
  }
  void add(const MaxPool2dOp& op) {
    const auto side = [&](std::int64_t before) { return (before - op.kernel) / op.stride + 1; };
    shape_ = {shape_[0], side(shape_[1]), side(shape_[2])};
  }
  void add(const GlobalAvgPoolOp&) { shape_.resize(1); }
  void add(const FlattenOp&) {
    const bool is_image = shape_.size() == 3;
    const std::int64_t copies = is_image ? shape_[1] * shape_[2] : shape_.size() == 2 ? shape_[0] : 1;
    add_copy(present_channels() * copies, is_image ? copies : 1);
    shape_ = {present_channels()};
  }
  void add(const ReluOp&) {}
  void add(const GeluOp&) {}
  void add(const BatchNorm2dOp& op) { add_scale(op.name); }
  void add(const LayerNormOp& op) {
    const WireIndex to = new_wire(present_channels());
    links_.emplace_back(MixLink{at_, to, mask_of(op.name + ".weight", wires_[at_].reached.size())});
    at_ = to;
  }
  void add(const ResidualOp& op) {
    const WireIndex before = at_;
    const std::vector<std::int64_t> shape_before = shape_;
    walk(op.body);
    const WireIndex body = std::exchange(at_, before);
    shape_ = shape_before;
    walk(op.shortcut);
    const WireIndex sum = new_wire(present_channels());
    links_.emplace_back(CopyLink{body, sum, 1});
    links_.emplace_back(CopyLink{at_, sum, 1});
    at_ = sum;
  }
  void add(const BlockOp& op) { walk(op.body); }
  void add(const RowsOp&) {
    const auto [channels, height, width] = std::array{shape_[0], shape_[1], shape_[2]};
    add_copy(channels * width, width);
    shape_ = {height, channels * width};
  }
  void add(const EmbeddingOp& op) {
    const WireIndex to = new_wire(op.width);  // the token is not pruned, nor is its row
    std::ranges::fill(wires_[to].reached, std::uint8_t{1});
    at_ = to;
    shape_ = {shape_[0], op.width};
  }
  void add(const PositionOp&) {}
  void add(const AttentionOp& op) {
    AttentionLink link{at_,
                       new_wire(op.width),
                       new_wire(op.width),
                       new_wire(op.width),
                       new_wire(op.width),
                       next_layer_,
                       static_cast<std::size_t>(op.heads),
                       {}};
    link.q_bias = mask_of(op.name + ".q.bias", static_cast<std::size_t>(op.width));
    for (const auto& ends : {std::pair(link.from, link.q), std::pair(link.from, link.k), std::pair(link.from, link.v),
                             std::pair(link.v, link.to)}) {
      ends_[next_layer_++] = ends;
    }
    links_.emplace_back(link);
    at_ = link.to;
  }
  void add(const MeanTokensOp&) { shape_ = {present_channels()}; }

  void add_layer(std::int64_t outputs) {
    const WireIndex to = new_wire(outputs);
    ends_[next_layer_] = {at_, to};
    links_.emplace_back(LayerLink{at_, to, next_layer_++});
    at_ = to;
  }
  void add_copy(std::int64_t channels, std::int64_t step) {
    const WireIndex to = new_wire(channels);
    links_.emplace_back(CopyLink{at_, to, static_cast<std::size_t>(step)});
    at_ = to;
  }
  void add_scale(const std::string& norm) {
    const ByteSpan mask = mask_of(norm + ".weight", wires_[at_].reached.size());
    if (mask.empty()) return;
    const WireIndex to = new_wire(present_channels());
    links_.emplace_back(ScaleLink{at_, to, mask});
    at_ = to;
  }

  void forward(const CopyLink& link) {
    const Bytes& from = wires_[link.from].reached;
    Bytes& to = wires_[link.to].reached;
    for (std::size_t i = 0; i < to.size(); ++i)
      to[i] = static_cast<std::uint8_t>(to[i] | from[i / link.step % from.size()]);
  }
  void forward(const ScaleLink& link) {
    for (std::size_t i = 0; i < link.mask.size(); ++i)
      wires_[link.to].reached[i] = static_cast<std::uint8_t>(wires_[link.from].reached[i] & link.mask[i]);
  }
  void forward(const MixLink& link) {
    if (!any(wires_[link.from].reached)) return;
    Bytes& to = wires_[link.to].reached;
    for (std::size_t i = 0; i < to.size(); ++i) to[i] = link.mask.empty() ? std::uint8_t{1} : link.mask[i];
  }
  void forward(const LayerLink& link) {
    kernels_[link.layer].forward(wires_[link.from].reached, wires_[link.to].reached);
  }
  void forward(const AttentionLink& link) {
    const Bytes& from = wires_[link.from].reached;
    kernels_[link.first_layer].forward(from, wires_[link.q].reached);
    kernels_[link.first_layer + 1].forward(from, wires_[link.k].reached);
    kernels_[link.first_layer + 2].forward(from, wires_[link.v].reached);
    kernels_[link.first_layer + 3].forward(wires_[link.v].reached, wires_[link.to].reached);
  }

  void backward(const CopyLink& link) {
    Bytes& from = wires_[link.from].needed;
    const Bytes& to = wires_[link.to].needed;
    for (std::size_t i = 0; i < to.size(); ++i) {
      std::uint8_t& source = from[i / link.step % from.size()];
      source = static_cast<std::uint8_t>(source | to[i]);
    }
  }
  void backward(const ScaleLink& link) {
    Bytes& from = wires_[link.from].needed;
    for (std::size_t i = 0; i < link.mask.size(); ++i)
      from[i] = static_cast<std::uint8_t>(from[i] | (wires_[link.to].needed[i] & link.mask[i]));
  }
  void backward(const MixLink& link) {
    const Bytes& to = wires_[link.to].needed;
    if (link.mask.empty() ? any(to) : any_common(to, link.mask))
      std::ranges::fill(wires_[link.from].needed, std::uint8_t{1});
  }
  void backward(const LayerLink& link) {
    kernels_[link.layer].backward(wires_[link.to].needed, wires_[link.from].needed);
  }
  void backward(const AttentionLink& link) {
    Wire &q = wires_[link.q], &k = wires_[link.k], &v = wires_[link.v];
    Bytes& from = wires_[link.from].needed;
    kernels_[link.first_layer + 3].backward(wires_[link.to].needed, v.needed);
    const std::size_t width = v.needed.size() / link.heads;
    for (std::size_t head = 0; head < link.heads; ++head) {
      const std::size_t first = head * width;
      if (!any_common(ByteSpan(v.reached).subspan(first, width), ByteSpan(v.needed).subspan(first, width))) continue;
      for (std::size_t d = first; d < first + width; ++d) {
        const bool is_asked = q.reached[d] != 0 || link.q_bias.empty() || link.q_bias[d] != 0;
        q.needed[d] = k.reached[d];
        k.needed[d] = is_asked ? 1 : 0;
      }
    }
    kernels_[link.first_layer].backward(q.needed, from);
    kernels_[link.first_layer + 1].backward(k.needed, from);
    kernels_[link.first_layer + 2].backward(v.needed, from);
  }

  const MaskViews& masks_;
  const std::vector<PrunableLayer> layers_;
  std::vector<Kernels> kernels_;                       // parallel to layers_
  std::vector<std::pair<WireIndex, WireIndex>> ends_;  // parallel to layers_: what each layer reads and writes
  std::vector<Wire> wires_;
  std::vector<Link> links_;
  std::vector<std::int64_t> shape_;  // of one example, at the end of what was walked
  WireIndex at_ = 0;                 // the wire there
  std::size_t next_layer_ = 0;
};

}  // namespace

Paths find_paths(const ModelDescription& model, const MaskViews& masks) {
  return PathFinder(model, masks).find();
}

void report_paths(const ModelDescription& model, const MaskViews& masks, StageOutcome& outcome) {
  const bool is_known = !model.ops.empty();
  const Paths paths = is_known ? find_paths(model, masks) : Paths{};
  if (is_known) outcome.connectivity = paths.connectivity;
  for (LayerCount& count : outcome.layers) {
    const auto found = std::ranges::find(paths.layers, count.layer, &LayerPaths::layer);
    if (found != paths.layers.end()) {
      count.effective = found->effective;
      count.dead_units = found->dead_units;
    }
    if (count.kept == 0 && count.total > 0)
      outcome.warnings.push_back(count.layer + " is empty: none of its " + std::to_string(count.total) +
                                 " weights is kept");
  }
  if (!paths.connectivity.connected)
    outcome.warnings.emplace_back("no path of kept weights leads from the input to the output: the network collapsed");
}

}  // namespace espalier
