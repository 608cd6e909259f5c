#include <algorithm>
#include <string>

#include "worker/onnx/translations.h"

namespace espalier {
namespace {

/// Letters of an equation of two factors, such as "bhid,bhjd->bhij".
struct Equation {
  std::string first, second, result;
};

Equation equation_of(const OnnxNode& node) {
  std::string text = node.attributes().word("equation", "");
  std::erase(text, ' ');
  const std::size_t comma = text.find(','), arrow = text.find("->");
  if (comma == std::string::npos || arrow == std::string::npos || comma > arrow || text.find('.') != std::string::npos)
    node.refuse("has the equation \"" + text + "\"; of two factors and a result, without dots, is understood");
  Equation equation{text.substr(0, comma), text.substr(comma + 1, arrow - comma - 1), text.substr(arrow + 2)};
  for (std::string letters : {equation.first, equation.second, equation.result}) {
    std::ranges::sort(letters);
    if (std::ranges::adjacent_find(letters) != letters.end()) node.refuse("has a letter twice in \"" + text + "\"");
  }
  return equation;
}

bool holds(const std::string& letters, char letter) {
  return letters.find(letter) != std::string::npos;
}

/// A factor as matrices: dims of `groups`, in their order, those of each group after the first as one.
ValueIndex as_matrices(OnnxNode& node, std::size_t input, const std::string& letters, const std::string (&groups)[3]) {
  const ValueIndex x = node.value(input);
  const Dims dims = node.dims_of(x);
  if (dims.size() != letters.size()) node.refuse("takes " + to_string(dims) + " as " + letters);
  std::vector<std::int64_t> permutation;
  Dims to;
  for (const std::string& group : groups) {
    Dim joined{1};
    for (const char letter : group) {
      const std::size_t place = letters.find(letter);
      permutation.push_back(static_cast<std::int64_t>(place));
      if (&group == &groups[0]) to.push_back(dims[place]);
      joined = {joined.size * dims[place].size, joined.batch || dims[place].batch};
    }
    if (&group != &groups[0]) to.push_back(joined);
  }
  if (permutation.size() != letters.size()) node.refuse("sums a factor by itself");
  return node.reshape(node.transpose(x, permutation), to);
}

/// Letters in both factors and in the result are matrices side by side; in both alone, what is summed over.
void translate_einsum(OnnxNode& node) {
  const auto [first, second, result] = equation_of(node);
  if (node.inputs() != 2) node.refuse("has other than two factors");
  std::string shared, summed, rows, columns;
  for (const char letter : result) {
    if (holds(first, letter) && holds(second, letter)) shared += letter;
    if (holds(first, letter) && !holds(second, letter)) rows += letter;
    if (!holds(first, letter) && holds(second, letter)) columns += letter;
    if (!holds(first, letter) && !holds(second, letter)) node.refuse("has a letter in its result alone");
  }
  for (const char letter : first) {
    if (holds(second, letter) && !holds(result, letter)) summed += letter;
  }
  const ValueIndex product = node.add("MatMul", {as_matrices(node, 0, first, {shared, rows, summed}),
                                                 as_matrices(node, 1, second, {shared, summed, columns})});
  const std::string made = shared + rows + columns;
  Dims dims;
  for (const char letter : made) {
    const bool of_first = holds(first, letter);
    dims.push_back(node.dims(of_first ? 0 : 1)[(of_first ? first : second).find(letter)]);
  }
  std::vector<std::int64_t> permutation;
  for (const char letter : result) permutation.push_back(static_cast<std::int64_t>(made.find(letter)));
  node.give(node.transpose(node.reshape(product, dims), permutation));
}

}  // namespace

const OnnxTranslations& onnx_product_translations() {
  static const OnnxTranslations kAll{{"Einsum", translate_einsum}};
  return kAll;
}

}  // namespace espalier
