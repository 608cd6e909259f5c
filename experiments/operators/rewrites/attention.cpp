#include <algorithm>
#include <array>
#include <numeric>
#include <optional>
#include <string>
#include <utility>

#include "experiments/operators/operator.h"
#include "experiments/operators/rewrites/match.h"
#include "experiments/operators/rewrites/rewrite.h"
#include "experiments/operators/rewrites/view_origin.h"

// Networks write attention as products of [N, heads, tokens, depth], or of [N heads, tokens, depth], cut out of what
// one layer or three make of tokens. Whatever reshapes and transpositions lie between: what counts is which number of
// the layer each number of a product is (view_origin.h).

namespace espalier {
namespace {

using Indices = std::vector<std::int64_t>;

/// softmax(q k^T + bias) v, as its nodes say.
struct Parts {
  const Node* given = nullptr;  // the product with the values
  const Node* match = nullptr;  // of queries and keys
  ValueIndex bias = kNoValue;
  double factor = 1;  // of the matches, before the bias
  double dropout = 0;
};

std::size_t rank(const OperatorGraph& graph, ValueIndex value) {
  return graph.value(value).dims.size();
}

/// A reshape that leaves the last two dimensions as they are.
bool keeps_matrices(const OperatorGraph& graph, const Node& reshape) {
  const Dims& from = graph.dims(reshape, 0);
  const Dims& to = graph.value(reshape.output).dims;
  return from.size() >= 2 && to.size() >= 2 && std::equal(from.end() - 2, from.end(), to.end() - 2);
}

/// What is added to matches for all examples alike; kNoValue for another node.
ValueIndex bias_of(const OperatorGraph& graph, const Node& sum, ValueIndex& matches) {
  const auto is_common = [&](ValueIndex value) {
    return std::ranges::none_of(graph.value(value).dims, &Dim::batch) && rank(graph, value) <= rank(graph, sum.output);
  };
  for (const std::size_t side : {std::size_t{0}, std::size_t{1}}) {
    if (!is_common(sum.inputs[side]) || is_common(sum.inputs[1 - side])) continue;
    matches = sum.inputs[1 - side];
    return sum.inputs[side];
  }
  return kNoValue;
}

/// From the product with the values back to that of queries and keys.
std::optional<Parts> parts_of(const OperatorGraph& graph, const Node& given) {
  Parts parts{&given};
  const Node* share = input_made_by(graph, &given, 0, "Dropout");
  if (share != nullptr) parts.dropout = share->number("probability");
  const Node* softmax = input_made_by(graph, share != nullptr ? share : &given, 0, "Softmax");
  if (softmax == nullptr) return std::nullopt;
  const Dims& dims = graph.value(softmax->output).dims;
  if (dims.size() < 3 || dim_at(*softmax, dims, softmax->integer("dim")) + 1 != dims.size()) return std::nullopt;
  ValueIndex matches = softmax->inputs[0];
  for (;;) {
    if (graph.maker(matches) == graph.nodes().size()) return std::nullopt;
    const Node& node = graph.nodes()[graph.maker(matches)];
    if (graph.readers(matches).size() != 1) return std::nullopt;
    if (node.op->name() == "MatMul") {
      parts.match = &node;
      return parts;
    }
    if (node.op->name() == "MulNumber") {
      parts.factor *= number_of(&node);
      matches = node.inputs[0];
    } else if (node.op->name() == "Add" && parts.bias == kNoValue && parts.factor == 1) {  // what is scaled is no bias
      parts.bias = bias_of(graph, node, matches);
      if (parts.bias == kNoValue) return std::nullopt;
    } else if (node.op->name() == "Reshape" && keeps_matrices(graph, node)) {
      matches = node.inputs[0];
    } else {
      return std::nullopt;
    }
  }
}

/// How many matrices a value has for an example.
std::int64_t matrices(const OperatorGraph& graph, ValueIndex value) {
  const Dims& dims = graph.value(value).dims;
  return elements(Dims(dims.begin(), dims.end() - 2));
}

/// Which matrix of a factor each matrix of the product is made of, with broadcasting.
Indices matrices_of_factor(const OperatorGraph& graph, const Node& product, std::size_t factor) {
  const Dims& dims = graph.dims(product, factor);
  const Dims& out = graph.value(product.output).dims;
  Indices places{0};
  for (std::size_t i = 0; i + 2 < out.size(); ++i) {
    const std::size_t missing = out.size() - dims.size();
    const std::int64_t size = i < missing ? 1 : dims[i - missing].size;
    Indices more;
    for (const std::int64_t place : places) {
      for (std::int64_t index = 0; index < out[i].size; ++index) more.push_back(place * size + (size == 1 ? 0 : index));
    }
    places = std::move(more);
  }
  return places;
}

/// Queries, keys or values: for each matrix of the attention, row (token) and column (depth) a place in `source`.
struct Heads {
  ViewOrigin origin;
  Indices matrices;
  std::int64_t tokens = 0, depth = 0;
  bool turned = false;  // the columns are the tokens

  std::int64_t place(std::int64_t matrix, std::int64_t token, std::int64_t d) const {
    const std::int64_t inside = turned ? d * tokens + token : token * depth + d;
    return origin
        .places[static_cast<std::size_t>(matrices[static_cast<std::size_t>(matrix)] * tokens * depth + inside)];
  }
};

std::optional<Heads> heads_of(const OperatorGraph& graph, const Node& product, std::size_t factor, bool turned) {
  const ValueIndex value = product.inputs[factor];
  std::optional<ViewOrigin> origin = origin_of(graph, value);
  if (!origin) return std::nullopt;
  const Dims& dims = graph.value(value).dims;
  Heads heads{*std::move(origin), matrices_of_factor(graph, product, factor), dims[dims.size() - 2].size,
              dims.back().size, turned};
  if (turned) std::swap(heads.tokens, heads.depth);
  return heads;
}

/// The features of each head in a sequence [windows N, tokens, features].
struct Features {
  Indices indices;         // of heads x depth
  bool by_heads = false;   // the source is [windows N, heads, tokens, depth] yet
  std::int64_t width = 0;  // of the sequence
};

/// None where a head's features are not the same for all tokens and windows.
std::optional<Features> features_of(const OperatorGraph& graph, const Heads& heads, std::int64_t windows,
                                    bool by_heads) {
  const std::int64_t count = std::ssize(heads.matrices) / windows;
  const std::int64_t all = elements(graph.value(heads.origin.source).dims);
  if (all % (windows * heads.tokens) != 0) return std::nullopt;
  const std::int64_t width = all / (windows * heads.tokens);
  if (by_heads && width % heads.depth != 0) return std::nullopt;
  Features features{{}, by_heads, width};
  // Feature of a place, and the place of a feature for a window and a token.
  const auto place = [&](std::int64_t window, std::int64_t token, std::int64_t feature) {
    if (!by_heads) return (window * heads.tokens + token) * width + feature;
    const std::int64_t head = feature / heads.depth;
    return ((window * (width / heads.depth) + head) * heads.tokens + token) * heads.depth + feature % heads.depth;
  };
  for (std::int64_t head = 0; head < count; ++head) {
    for (std::int64_t d = 0; d < heads.depth; ++d) {
      const std::int64_t first = heads.place(head, 0, d);
      const std::int64_t feature =
          by_heads ? first / (heads.tokens * heads.depth) * heads.depth + first % heads.depth : first;
      if (feature >= width) return std::nullopt;
      features.indices.push_back(feature);
      for (std::int64_t window = 0; window < windows; ++window) {
        for (std::int64_t token = 0; token < heads.tokens; ++token) {
          if (heads.place(window * count + head, token, d) != place(window, token, feature)) return std::nullopt;
        }
      }
    }
  }
  return features;
}

/// Heads that use the same features as the one before, of as many as there are: 1 where each has its own.
std::int64_t repeats_of(const Features& features, std::int64_t depth) {
  const std::int64_t heads = std::ssize(features.indices) / depth;
  const auto same = [&](std::int64_t one, std::int64_t other) {
    return std::equal(features.indices.begin() + one * depth, features.indices.begin() + (one + 1) * depth,
                      features.indices.begin() + other * depth);
  };
  std::int64_t repeats = 1;
  while (repeats < heads && same(0, repeats)) ++repeats;
  if (heads % repeats != 0) return 1;
  for (std::int64_t head = 0; head < heads; ++head) {
    if (!same(head, head - head % repeats)) return 1;
  }
  return repeats;
}

/// Collects the nodes that stand before the attention.
class Preparation {
 public:
  explicit Preparation(const OperatorGraph& graph) : graph_(graph) {}

  ValueIndex add(const std::string& op, ValueIndex input, Dims dims, Attributes attributes) {
    parts_.push_back({op, "", {input}, std::move(attributes)});
    dims_.push_back(std::move(dims));
    return part_value(parts_.size() - 1);
  }
  const Dims& dims(ValueIndex value) const {
    return value < graph_.values().size() ? graph_.value(value).dims : dims_[kNoValue - 1 - value];
  }
  ValueIndex reshape(ValueIndex value, const Dims& to) {
    if (dims(value) == to) return value;
    const auto batch = std::ranges::find_if(to, &Dim::batch) - to.begin();
    const bool none = batch == std::ssize(to);
    return add("Reshape", value, to, {{"sizes", sizes_of(to)}, {"batch", none ? std::int64_t{-1} : batch}});
  }
  ValueIndex transpose(ValueIndex value, const Indices& permutation) {
    Dims to;
    for (const std::int64_t dim : permutation) to.push_back(dims(value)[static_cast<std::size_t>(dim)]);
    return add("Transpose", value, to, {{"permutation", permutation}});
  }

  /// [windows N, tokens, features] of the heads' source; kNoValue for a source of another shape.
  ValueIndex sequence(const Heads& heads, const Features& features, std::int64_t windows) {
    const ValueIndex source = heads.origin.source;
    const Dims& from = graph_.value(source).dims;
    const auto batch = static_cast<std::size_t>(std::ranges::find_if(from, &Dim::batch) - from.begin());
    if (features.by_heads) {
      if (batch != 0) return kNoValue;
      const Dims by_heads{{windows, true}, {features.width / heads.depth}, {heads.tokens}, {heads.depth}};
      const ValueIndex turned = transpose(reshape(source, by_heads), {0, 2, 1, 3});
      return reshape(turned, {{windows, true}, {heads.tokens}, {features.width}});
    }
    const Dims wanted{{windows, true}, {heads.tokens}, {features.width}};
    if (batch == 0) return reshape(source, wanted);
    const bool tokens_first = batch == 1 && from.size() == 3 && from[1].size == 1 && windows == 1;
    return tokens_first ? transpose(source, {1, 0, 2}) : kNoValue;
  }

  ValueIndex take(ValueIndex sequence, const Indices& indices) {
    Dims dims = this->dims(sequence);
    bool consecutive = true;
    for (std::size_t i = 1; i < indices.size(); ++i) consecutive = consecutive && indices[i] == indices[i - 1] + 1;
    if (consecutive && std::ssize(indices) == dims[2].size) return sequence;
    dims[2].size = std::ssize(indices);
    if (!consecutive) return add("Gather", sequence, dims, {{"dim", std::int64_t{2}}, {"indices", indices}});
    return add(
        "Slice", sequence, dims,
        {{"dim", std::int64_t{2}}, {"start", indices[0]}, {"end", indices.back() + 1}, {"step", std::int64_t{1}}});
  }

  std::vector<Replacement> parts() { return std::move(parts_); }

 private:
  const OperatorGraph& graph_;
  std::vector<Replacement> parts_;
  std::vector<Dims> dims_;
};

/// How each of the two shapes of a source is tried, and with how many windows.
std::optional<Features> any_features(const OperatorGraph& graph, const Heads& heads, std::int64_t windows) {
  if (std::optional<Features> found = features_of(graph, heads, windows, false)) return found;
  return features_of(graph, heads, windows, true);
}

/// The bias as [heads or 1, tokens, others], or [tokens, others].
ValueIndex shaped_bias(const OperatorGraph& graph, Preparation& preparation, ValueIndex bias, std::int64_t heads,
                       std::int64_t tokens, std::int64_t others) {
  const Dims& dims = graph.value(bias).dims;
  if (dims.size() < 2) return kNoValue;
  const std::int64_t rows = dims[dims.size() - 2].size, columns = dims.back().size;
  if ((rows != 1 && rows != tokens) || (columns != 1 && columns != others)) return kNoValue;
  const auto count = elements(Dims(dims.begin(), dims.end() - 2));
  const bool by_heads = count == heads && dims[dims.size() - 3].size == heads;
  if (count != 1 && !by_heads) return kNoValue;
  Dims to(dims.end() - 2, dims.end());
  if (count != 1) to.insert(to.begin(), Dim{heads});
  return preparation.reshape(bias, to);
}

/// The name of the module that a layer stands in: "layers.0.self_attn" of layers.0.self_attn.q.
std::string module_of(const OperatorGraph& graph, ValueIndex value) {
  while (graph.maker(value) < graph.nodes().size()) {
    const Node& node = graph.nodes()[graph.maker(value)];
    if (node.op->has(OperatorTrait::layer)) {
      const std::size_t dot = node.name.rfind('.');
      return dot == std::string::npos || dot == 0 ? "" : node.name.substr(0, dot);
    }
    if (node.op->name() != "Add") return "";
    value = graph.tensor(node, 0) != nullptr ? node.inputs[1] : node.inputs[0];
  }
  return "";
}

/// Whether the numbers of `last` are those of the product, by windows, tokens, heads and depth.
bool is_joined(const ViewOrigin& last, std::int64_t windows, std::int64_t heads, std::int64_t tokens,
               std::int64_t depth) {
  if (last.factor != 1 || std::ssize(last.places) != windows * heads * tokens * depth) return false;
  auto place = last.places.begin();
  for (std::int64_t window = 0; window < windows; ++window) {
    for (std::int64_t token = 0; token < tokens; ++token) {
      for (std::int64_t head = 0; head < heads; ++head) {
        for (std::int64_t d = 0; d < depth; ++d) {
          if (*place++ != ((window * heads + head) * tokens + token) * depth + d) return false;
        }
      }
    }
  }
  return true;
}

std::optional<Replacement> replacement_of(const OperatorGraph& graph, const Node& last, const Parts& parts,
                                          const std::array<Heads, 3>& qkv, std::int64_t windows) {
  const std::int64_t heads = matrices(graph, parts.given->output) / windows;
  const auto& [q, k, v] = qkv;
  const std::optional<ViewOrigin> joined = origin_of(graph, last.output);
  if (!joined || !is_joined(*joined, windows, heads, q.tokens, v.depth)) return std::nullopt;
  std::array<Features, 3> features;
  for (std::size_t i = 0; i < 3; ++i) {
    std::optional<Features> found = any_features(graph, qkv[i], windows);
    if (!found) return std::nullopt;
    features[i] = *std::move(found);
  }
  const std::int64_t repeats = std::gcd(repeats_of(features[1], k.depth), repeats_of(features[2], v.depth));
  Preparation preparation(graph);
  std::vector<ValueIndex> inputs;
  for (std::size_t i = 0; i < 3; ++i) {
    Indices indices;  // those of the first head of each that share them
    const std::int64_t depth = qkv[i].depth, step = i == 0 ? 1 : repeats;
    for (std::int64_t head = 0; head < heads; head += step) {
      const auto first = features[i].indices.begin() + head * depth;
      indices.insert(indices.end(), first, first + depth);
    }
    const ValueIndex sequence = preparation.sequence(qkv[i], features[i], windows);
    if (sequence == kNoValue) return std::nullopt;
    inputs.push_back(preparation.take(sequence, indices));
  }
  if (parts.bias != kNoValue) {
    inputs.push_back(shaped_bias(graph, preparation, parts.bias, heads, q.tokens, k.tokens));
    if (inputs.back() == kNoValue) return std::nullopt;
  }
  const double factor = parts.factor * q.origin.factor * k.origin.factor;
  if (!(factor > 0) || v.origin.factor != 1) return std::nullopt;
  Attributes attributes{
      {"heads", heads}, {"key_value_heads", heads / repeats}, {"causal", std::int64_t{0}}, {"divisor", 1 / factor}};
  if (parts.dropout > 0) attributes["dropout"] = parts.dropout;
  Replacement attention{"Attention", module_of(graph, q.origin.source), inputs, attributes};
  const Dims made{{windows, true}, {q.tokens}, {heads * v.depth}};
  const Dims& wanted = graph.value(last.output).dims;
  if (made == wanted) {
    attention.parts = preparation.parts();
    return attention;
  }
  Replacement after;
  if (wanted[0].batch) {
    after = {"Reshape", "", {}, {{"sizes", sizes_of(wanted)}, {"batch", std::int64_t{0}}}};
  } else if (wanted.size() == 3 && windows == 1 && wanted == Dims{made[1], made[0], made[2]}) {
    after = {"Transpose", "", {}, {{"permutation", Indices{1, 0, 2}}}};
  } else {
    return std::nullopt;
  }
  after.parts = preparation.parts();
  after.parts.push_back(std::move(attention));
  after.inputs = {part_value(after.parts.size() - 1)};
  return after;
}

}  // namespace

/// Vaswani et al. 2017, arXiv:1706.03762, eq. (1), written out: softmax(q k^T factor + bias) v of heads that are joined
/// again, whose features lie anywhere in the tokens; Attention. Heads that share keys and values (Ainslie et al. 2023,
/// arXiv:2305.13245) are known by the features that they read.
std::optional<Replacement> rewrite_attention(const OperatorGraph& graph, const Node& last) {
  ValueIndex value = last.output;
  for (ValueIndex from = viewed(graph, value); from != kNoValue; from = viewed(graph, value)) value = from;
  const Node* given = made_by(graph, value, "MatMul");
  const std::optional<Parts> parts = given == nullptr ? std::nullopt : parts_of(graph, *given);
  const Dims& wanted = graph.value(last.output).dims;
  if (!parts || wanted.empty() || wanted.back().batch) return std::nullopt;
  std::optional<Heads> q = heads_of(graph, *parts->match, 0, false), k = heads_of(graph, *parts->match, 1, true),
                       v = heads_of(graph, *given, 1, false);
  if (!q || !k || !v || matrices(graph, given->output) != matrices(graph, parts->match->output)) return std::nullopt;
  const std::array<Heads, 3> qkv{*std::move(q), *std::move(k), *std::move(v)};
  const Dims& source = graph.value(qkv[0].origin.source).dims;
  const auto batch = std::ranges::find_if(source, &Dim::batch);
  if (batch == source.end()) return std::nullopt;
  for (const std::int64_t windows : {batch->size, std::int64_t{1}}) {
    if (matrices(graph, given->output) % windows != 0) continue;
    if (std::optional<Replacement> found = replacement_of(graph, last, *parts, qkv, windows)) return found;
  }
  return std::nullopt;
}

}  // namespace espalier
