#pragma once

#include <optional>
#include <string>
#include <vector>

#include "experiments/operators/operator_graph.h"

namespace espalier {

// Exporters write a layer norm as the means, differences and roots that it is made of. What is recognized becomes one
// operator again, whose structure is known; what is not stays, and computes the same.

/// One node in the place of another, which computes the same number by number; or several, the last of them in its
/// place.
struct Replacement {
  std::string op;
  std::string name;                ///< "": that of the node replaced
  std::vector<ValueIndex> inputs;  ///< values made before the node replaced, or of `parts`
  Attributes attributes = {};
  std::vector<Replacement> parts = {};  ///< nodes that stand before it, without parts of their own
};

/// As an input: what the part at a place makes.
inline ValueIndex part_value(std::size_t place) {
  return kNoValue - 1 - place;
}

/// Of a node whose value something recognized ends in; none for others.
using Rewrite = std::optional<Replacement> (*)(const OperatorGraph& graph, const Node& last);

/// The graph with all that rewrites.def recognizes replaced, and tidied. Names of parameters and buffers stay.
OperatorGraph rewritten(const OperatorGraph& graph);

/// One rewrite alone, for each line of rewrites.def.
#define ESPALIER_REWRITE(name) std::optional<Replacement> rewrite_##name(const OperatorGraph& graph, const Node& last);
#include "experiments/operators/rewrites/rewrites.def"
#undef ESPALIER_REWRITE

}  // namespace espalier
