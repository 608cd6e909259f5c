#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <variant>
#include <vector>

#include "worker/pruning/kernel_matrix.h"

namespace espalier {

/// One index of one dimension of some value, or several that are not told apart.
using PathVertex = std::uint32_t;

/// Vertices, and the links between them in the order of computation. follow() goes forward over them to find what the
/// input reaches, and backward to find what the output needs. Linear in links and weights.
class PathLinks {
 public:
  using Vertices = std::vector<PathVertex>;
  using Bytes = KernelMatrix::Bytes;

  PathVertex add_vertex(bool is_input = false);
  Vertices add_vertices(std::size_t count);

  /// Of `to`, which is new: a path leads there from `from`.
  void link(PathVertex from, PathVertex to) { edges().emplace_back(from, to); }
  /// The vertex that paths from any of these reach: itself, of one.
  PathVertex joined(Vertices vertices);
  /// `kernels` outlives this.
  void link_layer(const KernelMatrix& kernels, Vertices from, Vertices to);
  /// A head passes what its values pass; queries and keys count only beside such a path: row d of q where row d of k is
  /// reached (a constant added to all matches changes no softmax), row d of k where row d of q is, or has its bias
  /// (`q_bias`, a mask; empty: all kept). All are equally many, head by head.
  void link_attention(Vertices q, Vertices k, Vertices v, Vertices to, std::size_t heads, KernelMatrix::View q_bias);

  void follow(const Vertices& outputs);

  Bytes reached(const Vertices& vertices) const { return picked(reached_, vertices); }
  Bytes needed(const Vertices& vertices) const { return picked(needed_, vertices); }

 private:
  using Edges = std::vector<std::pair<PathVertex, PathVertex>>;
  struct LayerLink {
    const KernelMatrix* kernels;
    Vertices from, to;
  };
  struct AttentionLink {
    Vertices q, k, v, to;
    std::size_t heads;
    KernelMatrix::View q_bias;
  };

  Edges& edges();
  static Bytes picked(const Bytes& all, const Vertices& vertices);
  static void add_to(Bytes& all, const Vertices& vertices, const Bytes& found);
  void forward(const Edges& edges);
  void forward(const LayerLink& link);
  void forward(const AttentionLink& link);
  void backward(const Edges& edges);
  void backward(const LayerLink& link);
  void backward(const AttentionLink& link);

  Bytes reached_, needed_;  // by vertex
  std::vector<std::variant<Edges, LayerLink, AttentionLink>> links_;
};

}  // namespace espalier
