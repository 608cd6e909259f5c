// The network becomes a list of links between wires. A wire is what stands between two operations, one byte per channel
// (per feature of a flat vector or a token) for "the input reaches it" and one for "it reaches the output". Links run
// forward in order to fill the first, backward in reverse order to fill the second; a sum of branches is two links into
// one wire. Nothing here knows more of a convolution than which of its kernels are empty.
#include "worker/pruning/connectivity.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <utility>
#include <variant>

#include "base/error.h"
#include "experiments/operators/operator.h"

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
  WireIndex q, k, v, to;
  std::size_t heads;
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
  /// The outputs of a group see its inputs alone.
  Kernels(const PrunableLayer& layer, std::int64_t groups, ByteSpan mask)
      : groups_(static_cast<std::size_t>(groups)),
        outputs_(static_cast<std::size_t>(layer.shape[0])),
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
    for (std::size_t group = 0; group < groups_; ++group) {
      const ByteSpan inputs = of_group(from, group);
      const bool all = mask_.empty() && any(inputs);
      for (std::size_t out = first(group); out < first(group + 1); ++out) {
        const bool reached = mask_.empty() ? all : any_common(row(out), inputs);
        to[out] = static_cast<std::uint8_t>(to[out] | (reached ? 1 : 0));
      }
    }
  }

  void backward(const Bytes& to, Bytes& from) const {
    for (std::size_t group = 0; group < groups_; ++group) {
      std::uint8_t* inputs = from.data() + group * inputs_;
      for (std::size_t out = first(group); out < first(group + 1); ++out) {
        if (to[out] == 0) continue;
        const ByteSpan kernels = row(out);
        for (std::size_t in = 0; in < inputs_; ++in)
          inputs[in] = static_cast<std::uint8_t>(inputs[in] | (mask_.empty() ? 1 : kernels[in]));
        if (mask_.empty()) break;
      }
    }
  }

  /// Kept elements of kernels from a reached input to a needed output.
  std::int64_t effective(const Bytes& reached, const Bytes& needed) const {
    std::int64_t count = 0;
    for (std::size_t out = 0; out < outputs_; ++out) {
      if (needed[out] == 0) continue;
      const ByteSpan inputs = of_group(reached, out / (outputs_ / groups_));
      if (mask_.empty()) {
        count += sum(inputs) * static_cast<std::int64_t>(area_);
      } else if (area_ == 1) {
        count += count_common(row(out), inputs);
      } else {
        for (std::size_t in = 0; in < inputs_; ++in)
          if (inputs[in] != 0) count += sum(mask_.subspan((out * inputs_ + in) * area_, area_));
      }
    }
    return count;
  }

 private:
  ByteSpan row(std::size_t out) const {
    return mask_.empty() ? mask_ : (held_.empty() ? mask_ : ByteSpan(held_)).subspan(out * inputs_, inputs_);
  }
  ByteSpan of_group(const Bytes& inputs, std::size_t group) const {
    return ByteSpan(inputs).subspan(group * inputs_, inputs_);
  }
  std::size_t first(std::size_t group) const { return group * (outputs_ / groups_); }

  std::size_t groups_, outputs_, inputs_, area_;  // inputs of a group
  ByteSpan mask_;                                 // empty: all kept
  Bytes held_;                                    // of kernels larger than one element
};

class PathFinder {
 public:
  PathFinder(const ModelDescription& model, const MaskViews& masks)
      : masks_(masks), graph_(*model.graph), layers_(prunable_layers(model)), wires_of_(graph_.values().size()) {
    kernels_.reserve(layers_.size());
    for (const PrunableLayer& layer : layers_)
      kernels_.emplace_back(layer, groups_of(layer.name),
                            mask_of(layer.name + ".weight", static_cast<std::size_t>(layer.weights)));
    ends_.resize(layers_.size());
    const Dims& input = graph_.value(graph_.input()).dims;
    const WireIndex first = new_wire(input.size() > 1 ? input[1].size : 1);
    std::ranges::fill(wires_[first].reached, std::uint8_t{1});
    wires_of_[graph_.input()] = {first, 1};
    for (const Node& node : graph_.nodes()) wires_of_[node.output] = add(node);
  }

  Paths find() {
    Paths paths;
    const std::optional<Stream> output = wires_of_[graph_.output()];
    paths.followed = output.has_value();
    if (!output) return paths;
    const WireIndex end = output->wire;
    for (const Link& link : links_) std::visit([this](const auto& one) { forward(one); }, link);
    std::ranges::fill(wires_[end].needed, std::uint8_t{1});
    for (auto link = links_.rbegin(); link != links_.rend(); ++link)
      std::visit([this](const auto& one) { backward(one); }, *link);
    paths.connectivity.connected = any(wires_[end].reached);
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

  std::int64_t groups_of(const std::string& layer) const {
    const Node& node = layer_node(graph_, layer);
    return node.attributes.contains("groups") ? node.integer("groups") : 1;
  }

  /// Of a parameter that a node reads; empty where it reads none.
  ByteSpan mask_of(const Node& node, std::size_t input, std::size_t size) const {
    const Value* parameter = graph_.tensor(node, input);
    return parameter == nullptr ? ByteSpan() : mask_of(parameter->name, size);
  }

  WireIndex new_wire(std::int64_t channels) {
    const auto size = static_cast<std::size_t>(channels);
    wires_.push_back({Bytes(size), Bytes(size)});
    return wires_.size() - 1;
  }

  /// What carries the paths of a value: a wire, along one of the value's dimensions.
  struct Stream {
    WireIndex wire = 0;
    std::size_t dim = 1;
  };
  std::size_t channels_of(const Stream& stream) const { return wires_[stream.wire].reached.size(); }

  /// The stream of a node's output; none, from there on, where it is not known how paths pass.
  std::optional<Stream> add(const Node& node) {
    const std::optional<Stream> from = wires_of_[node.inputs[0]];
    if (node.op->name() == "Embedding") return add_reached(graph_.value(node.output).dims);
    if (!from) return std::nullopt;
    if (node.op->has(OperatorTrait::layer)) return add_layer(node, *from);
    if (node.op->has(OperatorTrait::batch_norm)) return add_scale(node, *from);
    if (node.op->has(OperatorTrait::layer_norm)) return add_mix(node, *from);
    if (node.op->has(OperatorTrait::attention)) return add_attention(node, *from);
    if (node.op->has(OperatorTrait::sum)) return add_sum(node, *from);
    if (node.op->has(OperatorTrait::function)) return from;
    if (node.op->has(OperatorTrait::per_channel)) return from->dim == 1 ? from : std::nullopt;
    if (node.op->name() == "ReduceMean") return add_mean(node, *from);
    if (node.op->name() == "Transpose") return add_transpose(node, *from);
    if (node.op->name() == "Reshape") return add_reshape(node, *from);
    return std::nullopt;
  }

  Stream add_reached(const Dims& dims) {
    const WireIndex to = new_wire(dims.back().size);  // the token is not pruned, nor is its row
    std::ranges::fill(wires_[to].reached, std::uint8_t{1});
    return {to, dims.size() - 1};
  }
  std::optional<Stream> add_layer(const Node& node, const Stream& from) {
    const auto layer = std::ranges::find(layers_, node.name, &PrunableLayer::name);
    const Dims& dims = graph_.value(node.output).dims;
    const std::size_t dim = graph_.dims(node, 1).size() == 2 ? dims.size() - 1 : 1;
    if (layer == layers_.end() || from.dim != dim || node.op->name() == "ConvTranspose") return std::nullopt;
    const auto index = static_cast<std::size_t>(layer - layers_.begin());
    const WireIndex to = new_wire(dims[dim].size);
    ends_[index] = {from.wire, to};
    links_.emplace_back(LayerLink{from.wire, to, index});
    return Stream{to, dim};
  }
  std::optional<Stream> add_scale(const Node& node, const Stream& from) {
    const ByteSpan mask = mask_of(node, 1, channels_of(from));
    if (mask.empty()) return from;
    const WireIndex to = new_wire(static_cast<std::int64_t>(channels_of(from)));
    links_.emplace_back(ScaleLink{from.wire, to, mask});
    return Stream{to, from.dim};
  }
  std::optional<Stream> add_mix(const Node& node, const Stream& from) {
    const WireIndex to = new_wire(static_cast<std::int64_t>(channels_of(from)));
    links_.emplace_back(MixLink{from.wire, to, mask_of(node, 1, channels_of(from))});
    return Stream{to, from.dim};
  }
  std::optional<Stream> add_sum(const Node& node, const Stream& from) {
    if (graph_.tensor(node, 1) != nullptr) return from;
    const std::optional<Stream> other = wires_of_[node.inputs[1]];
    if (!other || other->dim != from.dim || channels_of(*other) != channels_of(from)) return std::nullopt;
    const WireIndex to = new_wire(static_cast<std::int64_t>(channels_of(from)));
    links_.emplace_back(CopyLink{from.wire, to, 1});
    links_.emplace_back(CopyLink{other->wire, to, 1});
    return Stream{to, from.dim};
  }
  std::optional<Stream> add_attention(const Node& node, const Stream& q) {
    const std::optional<Stream> k = wires_of_[node.inputs[1]], v = wires_of_[node.inputs[2]];
    if (!k || !v || node.integer("heads") != node.integer("key_value_heads")) return std::nullopt;
    AttentionLink link{q.wire,
                       k->wire,
                       v->wire,
                       new_wire(graph_.value(node.output).dims[2].size),
                       static_cast<std::size_t>(node.integer("heads")),
                       {}};
    if (const std::size_t maker = graph_.maker(node.inputs[0]); maker < graph_.nodes().size())
      link.q_bias = mask_of(graph_.nodes()[maker], 2, channels_of(q));
    links_.emplace_back(link);
    return Stream{link.to, 2};
  }
  std::optional<Stream> add_mean(const Node& node, const Stream& from) {
    const auto& dims = node.integers("dims");
    Stream to = from;
    for (const std::int64_t dim : dims) {
      if (static_cast<std::size_t>(dim) == from.dim) return std::nullopt;
      if (static_cast<std::size_t>(dim) < from.dim && node.integer("keep_dims") == 0) --to.dim;
    }
    return to;
  }
  std::optional<Stream> add_transpose(const Node& node, const Stream& from) {
    const auto& permutation = node.integers("permutation");
    const auto place = std::ranges::find(permutation, static_cast<std::int64_t>(from.dim));
    return Stream{from.wire, static_cast<std::size_t>(place - permutation.begin())};
  }
  /// Only where the channels come to lie within one dimension.
  std::optional<Stream> add_reshape(const Node& node, const Stream& from) {
    const auto after = [](const Dims& dims, std::size_t dim) {
      std::int64_t count = 1;
      for (std::size_t i = dim + 1; i < dims.size(); ++i) count *= dims[i].size;
      return count;
    };
    const Dims& before = graph_.dims(node, 0);
    const Dims& now = graph_.value(node.output).dims;
    const std::int64_t inner = after(before, from.dim), outer = inner * before[from.dim].size;
    std::optional<std::size_t> around;  // the dimension that the channels come to lie in
    for (std::size_t dim = 1; dim < now.size(); ++dim) {
      const std::int64_t rest = after(now, dim);
      if (now[dim].size == before[from.dim].size && rest == inner) return Stream{from.wire, dim};
      if (rest <= inner && rest * now[dim].size >= outer && inner % rest == 0) around = dim;
    }
    if (around) {
      const WireIndex to = new_wire(now[*around].size);
      links_.emplace_back(CopyLink{from.wire, to, static_cast<std::size_t>(inner / after(now, *around))});
      return Stream{to, *around};
    }
    return std::nullopt;
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
  void forward(const AttentionLink& link) { wires_[link.to].reached = wires_[link.v].reached; }

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
    v.needed = wires_[link.to].needed;
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
  }

  const MaskViews& masks_;
  const OperatorGraph& graph_;
  const std::vector<PrunableLayer> layers_;
  std::vector<Kernels> kernels_;                       // parallel to layers_
  std::vector<std::pair<WireIndex, WireIndex>> ends_;  // parallel to layers_: what each layer reads and writes
  std::vector<Wire> wires_;
  std::vector<Link> links_;
  std::vector<std::optional<Stream>> wires_of_;  // by ValueIndex
};

}  // namespace

Paths find_paths(const ModelDescription& model, const MaskViews& masks) {
  return PathFinder(model, masks).find();
}

void report_paths(const ModelDescription& model, const MaskViews& masks, StageOutcome& outcome) {
  const Paths paths = model.graph ? find_paths(model, masks) : Paths{};
  if (model.graph && paths.followed) outcome.connectivity = paths.connectivity;
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
