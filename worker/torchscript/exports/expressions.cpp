#include "worker/torchscript/exports/expressions.h"

#include <algorithm>
#include <map>
#include <string_view>
#include <variant>

#include "base/error.h"
#include "experiments/operators/operator.h"
#include "worker/torchscript/exports/script_literals.h"

// Most operators are a line of the table below, a text with holes: {0} is an input, {epsilon} an attribute, {ceil?} an
// attribute that is a truth value, and a few holes are counted from the sizes, see `counted`. The names behind "torch."
// are those of LibTorch's operators ("aten::conv2d"), which TorchScript knows, also those that Python's torch calls
// otherwise.

namespace espalier {
namespace {

using Write = std::string (*)(ScriptWriter& to, const Node& node);

[[noreturn]] void refuse_expression(const Node& node, const std::string& why) {
  throw Error(ErrorKind::invalid_input, "torchscript: " + node.name + " (" + std::string(node.op->name()) + ") " + why);
}

/// How many examples there are, as dimension `dim` of a value counts them, times `each`.
std::string examples(const std::string& value, const Dims& dims, std::size_t dim, std::int64_t each) {
  std::string count = value + ".size(" + std::to_string(dim) + ")";
  if (dims[dim].size == each) return count;
  if (dims[dim].size != 1) count += " // " + std::to_string(dims[dim].size);
  return each == 1 ? count : count + " * " + std::to_string(each);
}

/// The attribute sizes, the batch's by the examples that go in; those of a second input, if there is one.
std::string shape_of(const ScriptWriter& to, const Node& node) {
  const std::vector<std::int64_t>& sizes = node.integers("sizes");
  const std::int64_t batch = node.integer("batch");
  const std::size_t counts = to.graph().has_input(node, 1) ? 1 : 0;
  const Dims& dims = to.dims(node, counts);
  std::string shape;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    std::string size = std::to_string(sizes[i]);
    for (std::size_t dim = 0; dim < dims.size() && static_cast<std::int64_t>(i) == batch; ++dim)
      if (dims[dim].batch) size = examples(to.input(node, counts), dims, dim, sizes[i]);
    shape += (i == 0 ? "" : ", ") + size;
  }
  return "[" + shape + "]";
}

/// Sizes of the last dimensions, as many as a norm is over.
std::string last_sizes(const ScriptWriter& to, const Node& node) {
  const Dims& dims = to.dims(node, 0);
  return script_literal(sizes_of({dims.end() - node.integer("dims"), dims.end()}));
}

/// The last dimension's first, before and after.
std::string paddings(const Node& node) {
  const auto &before = node.integers("before"), &after = node.integers("after");
  std::vector<std::int64_t> sizes;
  for (std::size_t i = before.size(); i-- > 0;) {
    sizes.push_back(before[i]);
    sizes.push_back(after[i]);
  }
  return script_literal(sizes);
}

/// Dimensions after the channels.
std::string rank_of(const ScriptWriter& to, const Node& node) {
  constexpr std::size_t kMostSides = 3;
  const std::size_t sides = to.dims(node, 0).size() - 2;
  if (sides < 1 || sides > kMostSides) refuse_expression(node, "has no form for " + std::to_string(sides) + " sides");
  return std::to_string(sides);
}

/// What fills a hole that is neither an input nor an attribute; "" if nothing does.
std::string counted(const ScriptWriter& to, const Node& node, std::string_view hole) {
  if (hole == "rank") return rank_of(to, node);
  if (hole == "shape") return shape_of(to, node);
  if (hole == "last_sizes") return last_sizes(to, node);
  if (hole == "paddings") return paddings(node);
  return "";
}

std::string filling(const ScriptWriter& to, const Node& node, std::string_view hole) {
  if (hole.size() == 1 && hole[0] >= '0' && hole[0] <= '9')
    return to.input(node, static_cast<std::size_t>(hole[0] - '0'));
  if (std::string text = counted(to, node, hole); !text.empty()) return text;
  if (hole.ends_with('?')) return script_literal(node.integer(std::string(hole.substr(0, hole.size() - 1))) != 0);
  const auto found = node.attributes.find(std::string(hole));
  if (found == node.attributes.end())
    throw Error(ErrorKind::internal, "operator " + node.name + " has no attribute " + std::string(hole));
  if (const auto* whole = std::get_if<std::int64_t>(&found->second)) return script_literal(*whole);
  if (const auto* number = std::get_if<double>(&found->second)) return script_literal(*number);
  return script_literal(node.integers(std::string(hole)));
}

std::string filled(std::string_view pattern, const ScriptWriter& to, const Node& node) {
  std::string text;
  for (std::size_t at = 0; at < pattern.size();) {
    const std::size_t open = std::min(pattern.find('{', at), pattern.size());
    text += pattern.substr(at, open - at);
    if (open == pattern.size()) break;
    const std::size_t close = pattern.find('}', open);
    text += filling(to, node, pattern.substr(open + 1, close - open - 1));
    at = close + 1;
  }
  return text;
}

std::string write_concat(ScriptWriter& to, const Node& node) {
  std::string parts;
  for (std::size_t i = 0; i < node.inputs.size(); ++i) parts += (i == 0 ? "" : ", ") + to.input(node, i);
  return "torch.cat([" + parts + "], " + script_literal(node.integer("dim")) + ")";
}

/// x / sqrt(mean of x^2 + epsilon), scaled.
std::string write_rms_norm(ScriptWriter& to, const Node& node) {
  const std::string normed =
      filled("torch.mul({0}, torch.rsqrt(torch.add(torch.mean(torch.square({0}), [-1], True), {epsilon})))", to, node);
  return to.graph().has_input(node, 1) ? "torch.mul(" + normed + ", " + to.input(node, 1) + ")" : normed;
}

std::string write_resize(ScriptWriter& to, const Node& node) {
  constexpr std::string_view kLinear[] = {"linear1d", "bilinear2d", "trilinear3d"};
  const std::string rank = rank_of(to, node);
  const auto sides = static_cast<std::size_t>(rank[0] - '0');
  const bool nearest = node.word("mode") == "nearest";
  std::string text = "torch.upsample_" + (nearest ? "nearest" + rank + "d" : std::string(kLinear[sides - 1])) +
                     filled("({0}, {sizes}", to, node);
  if (!nearest) text += filled(", {align_corners?}", to, node);
  for (std::size_t i = 0; i < sides; ++i) text += ", None";  // scales, which the sizes say
  return text + ")";
}

/// [batch, tokens, width] to [batch, heads, tokens, width / heads], a head that several share repeated for each.
std::string by_head(ScriptWriter& to, const Node& node, std::size_t place, const char* name, std::int64_t of,
                    std::int64_t heads) {
  const Dims& dims = to.dims(node, place);
  const std::string part = to.input(node, place);
  const std::string split =
      to.let(node.name + name, "torch.transpose(torch.reshape(" + part + ", [" + part + ".size(0), " +
                                   std::to_string(dims[1].size) + ", " + std::to_string(of) + ", " +
                                   std::to_string(dims[2].size / of) + "]), 1, 2)");
  return of == heads ? split : "torch.repeat_interleave(" + split + ", " + std::to_string(heads / of) + ", 1)";
}

std::string write_attention(ScriptWriter& to, const Node& node) {
  const std::int64_t heads = node.integer("heads"), shared = node.integer("key_value_heads");
  if (heads == 0) return to.input(node, 2);
  const std::int64_t tokens = to.dims(node, 0)[1].size, others = to.dims(node, 1)[1].size;
  const std::string queries = by_head(to, node, 0, "_q", heads, heads),
                    keys = by_head(to, node, 1, "_k", shared, heads),
                    values = by_head(to, node, 2, "_v", shared, heads);
  std::string match = to.let(node.name + "_match", "torch.div(torch.matmul(" + queries + ", torch.transpose(" + keys +
                                                       ", 2, 3)), " + script_literal(node.number("divisor")) + ")");
  if (node.integer("causal") != 0) {
    const std::string ones = "torch.ones([" + std::to_string(tokens) + ", " + std::to_string(others) + "])";
    const std::string later = to.let(node.name + "_later", "torch.triu(" + ones + ", 1).to(" + match + ".device)");
    match = "torch.masked_fill(" + match + ", torch.gt(" + later + ", 0), float(\"-inf\"))";
  }
  if (to.graph().has_input(node, 3)) match = "torch.add(" + match + ", " + to.input(node, 3) + ")";
  const std::string given =
      to.let(node.name + "_heads", "torch.matmul(torch.softmax(" + match + ", -1), " + values + ")");
  return "torch.reshape(torch.transpose(" + given + ", 1, 2), [" + given + ".size(0), " + std::to_string(tokens) +
         ", " + std::to_string(to.dims(node, 2)[2].size / shared * heads) + "])";
}

const std::map<std::string_view, std::variant<std::string_view, Write>>& expressions() {
  static const std::map<std::string_view, std::variant<std::string_view, Write>> kExpressions{
      {"Linear", "torch.linear({0}, {1}, {2})"},
      {"Conv", "torch.conv{rank}d({0}, {1}, {2}, {strides}, {padding}, {dilations}, {groups})"},
      {"ConvTranspose",
       "torch.conv_transpose{rank}d({0}, {1}, {2}, {strides}, {padding}, {output_padding}, {groups}, {dilations})"},
      {"MatMul", "torch.matmul({0}, {1})"},
      {"Attention", write_attention},
      {"Embedding", "torch.embedding({1}, {0})"},
      {"BatchNorm", "torch.batch_norm({0}, {1}, {2}, {3}, {4}, False, {momentum}, {epsilon}, False)"},
      {"LayerNorm", "torch.layer_norm({0}, {last_sizes}, {1}, {2}, {epsilon}, False)"},
      {"GroupNorm", "torch.group_norm({0}, {groups}, {1}, {2}, {epsilon}, False)"},
      {"InstanceNorm", "torch.instance_norm({0}, {1}, {2}, None, None, True, 0., {epsilon}, False)"},
      {"RmsNorm", write_rms_norm},
      {"MaxPool", "torch.max_pool{rank}d({0}, {kernel}, {strides}, {padding}, {dilations}, {round_up?})"},
      {"AveragePool", "torch.avg_pool{rank}d({0}, {kernel}, {strides}, {padding}, {round_up?}, {count_padding?})"},
      {"AdaptiveAveragePool", "torch.adaptive_avg_pool{rank}d({0}, {sizes})"},
      {"ReduceMean", "torch.mean({0}, {dims}, {keep_dims?})"},
      {"ReduceMax", "torch.amax({0}, {dims}, {keep_dims?})"},
      {"ReduceL2", "torch.norm({0}, 2, {dims}, {keep_dims?})"},
      {"Reshape", "torch.reshape({0}, {shape})"},
      {"Transpose", "torch.permute({0}, {permutation})"},
      {"Concat", write_concat},
      {"Slice", "torch.slice({0}, {dim}, {start}, {end}, {step})"},
      {"Gather", "torch.index_select({0}, {dim}, torch.tensor({indices}).to({0}.device))"},
      {"Expand", "torch.expand({0}, {shape})"},
      {"Pad", "torch.constant_pad_nd({0}, {paddings}, {value})"},
      {"Resize", write_resize},
      {"Softmax", "torch.softmax({0}, {dim})"},
      {"LogSoftmax", "torch.log_softmax({0}, {dim})"},
      {"Dropout", "{0}"},
      {"ChannelDropout", "{0}"},
      {"Relu", "torch.relu({0})"},
      {"Gelu", "torch.gelu({0})"},
      {"GeluTanh", "torch.gelu({0}, approximate=\"tanh\")"},
      {"Sigmoid", "torch.sigmoid({0})"},
      {"Silu", "torch.silu({0})"},
      {"HardSigmoid", "torch.hardsigmoid({0})"},
      {"HardSwish", "torch.hardswish({0})"},
      {"Mish", "torch.mish({0})"},
      {"Softplus", "torch.softplus({0})"},
      {"Tanh", "torch.tanh({0})"},
      {"LeakyRelu", "torch.leaky_relu({0}, {alpha})"},
      {"Elu", "torch.elu({0}, {alpha})"},
      {"Clip", "torch.clamp({0}, {min}, {max})"},
      {"Exp", "torch.exp({0})"},
      {"Log", "torch.log({0})"},
      {"Sqrt", "torch.sqrt({0})"},
      {"Reciprocal", "torch.reciprocal({0})"},
      {"Abs", "torch.abs({0})"},
      {"Neg", "torch.neg({0})"},
      {"Erf", "torch.erf({0})"},
      {"Sin", "torch.sin({0})"},
      {"Cos", "torch.cos({0})"},
      {"Pow", "torch.pow({0}, {exponent})"},
      {"AddNumber", "torch.add({0}, {number})"},
      {"MulNumber", "torch.mul({0}, {number})"},
      {"Add", "torch.add({0}, {1})"},
      {"Sub", "torch.sub({0}, {1})"},
      {"Mul", "torch.mul({0}, {1})"},
      {"Div", "torch.div({0}, {1})"},
      {"Max", "torch.maximum({0}, {1})"},
      {"Min", "torch.minimum({0}, {1})"},
  };
  return kExpressions;
}

}  // namespace

std::string expression_of(ScriptWriter& to, const Node& node) {
  const auto found = expressions().find(node.op->name());
  if (found == expressions().end()) refuse_expression(node, "has no counterpart in TorchScript here");
  if (const auto* pattern = std::get_if<std::string_view>(&found->second)) return filled(*pattern, to, node);
  return std::get<Write>(found->second)(to, node);
}

}  // namespace espalier
