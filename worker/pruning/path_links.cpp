#include "worker/pruning/path_links.h"

#include <algorithm>
#include <span>

namespace espalier {

PathVertex PathLinks::add_vertex(bool is_input) {
  reached_.push_back(is_input ? 1 : 0);
  needed_.push_back(0);
  return static_cast<PathVertex>(reached_.size() - 1);
}

PathLinks::Vertices PathLinks::add_vertices(std::size_t count) {
  Vertices made(count);
  for (PathVertex& vertex : made) vertex = add_vertex();
  return made;
}

PathVertex PathLinks::joined(Vertices vertices) {
  std::ranges::sort(vertices);
  vertices.erase(std::ranges::unique(vertices).begin(), vertices.end());
  if (vertices.size() == 1) return vertices[0];
  const PathVertex made = add_vertex();
  for (const PathVertex vertex : vertices) link(vertex, made);
  return made;
}

void PathLinks::link_layer(const KernelMatrix& kernels, Vertices from, Vertices to) {
  links_.emplace_back(LayerLink{&kernels, std::move(from), std::move(to)});
}

void PathLinks::link_attention(Vertices q, Vertices k, Vertices v, Vertices to, std::size_t heads,
                               KernelMatrix::View q_bias) {
  links_.emplace_back(AttentionLink{std::move(q), std::move(k), std::move(v), std::move(to), heads, q_bias});
}

void PathLinks::follow(const Vertices& outputs) {
  for (const auto& link : links_) std::visit([this](const auto& one) { forward(one); }, link);
  for (const PathVertex vertex : outputs) needed_[vertex] = 1;
  for (auto link = links_.rbegin(); link != links_.rend(); ++link)
    std::visit([this](const auto& one) { backward(one); }, *link);
}

PathLinks::Edges& PathLinks::edges() {
  if (links_.empty() || !std::holds_alternative<Edges>(links_.back())) links_.emplace_back(Edges());
  return std::get<Edges>(links_.back());
}

PathLinks::Bytes PathLinks::picked(const Bytes& all, const Vertices& vertices) {
  Bytes made(vertices.size());
  for (std::size_t i = 0; i < made.size(); ++i) made[i] = all[vertices[i]];
  return made;
}

void PathLinks::add_to(Bytes& all, const Vertices& vertices, const Bytes& found) {
  for (std::size_t i = 0; i < found.size(); ++i)
    all[vertices[i]] = static_cast<std::uint8_t>(all[vertices[i]] | found[i]);
}

void PathLinks::forward(const Edges& edges) {
  for (const auto& [from, to] : edges) reached_[to] = static_cast<std::uint8_t>(reached_[to] | reached_[from]);
}

void PathLinks::forward(const LayerLink& link) {
  add_to(reached_, link.to, link.kernels->forward(reached(link.from)));
}

void PathLinks::forward(const AttentionLink& link) {
  add_to(reached_, link.to, reached(link.v));
}

void PathLinks::backward(const Edges& edges) {
  for (auto edge = edges.rbegin(); edge != edges.rend(); ++edge)
    needed_[edge->first] = static_cast<std::uint8_t>(needed_[edge->first] | needed_[edge->second]);
}

void PathLinks::backward(const LayerLink& link) {
  add_to(needed_, link.from, link.kernels->backward(needed(link.to)));
}

void PathLinks::backward(const AttentionLink& link) {
  const Bytes asked = needed(link.to), values = reached(link.v), queries = reached(link.q), keys = reached(link.k);
  add_to(needed_, link.v, asked);
  Bytes q(queries.size()), k(keys.size());
  const std::size_t width = asked.size() / link.heads;
  for (std::size_t head = 0; head < link.heads; ++head) {
    const std::size_t first = head * width;
    if (!any_common(std::span(values).subspan(first, width), std::span(asked).subspan(first, width))) continue;
    for (std::size_t d = first; d < first + width; ++d) {
      q[d] = keys[d];
      k[d] = queries[d] != 0 || link.q_bias.empty() || link.q_bias[d] != 0 ? 1 : 0;
    }
  }
  add_to(needed_, link.q, q);
  add_to(needed_, link.k, k);
}

}  // namespace espalier
