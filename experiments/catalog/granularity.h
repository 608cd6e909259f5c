#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace espalier {

/// How the scores of what is removed together become one score. l1 is the sum of |s|, l2 the root of the sum of s^2.
enum class Reduction { sum, mean, l1, l2, max };

/// What is removed together: a unit. Canonical texts, as in YAML, specs and the database (the reduction may be left out
/// where its default, l2 but mean for blocks, is meant; the canonical text has it):
///   weight          single weights
///   block 4x4 mean  4 outputs x 4 inputs of the weight as a matrix [out, in * kernel area]; what is left at the edges
///                   is a block
///   2:4             of every 4 consecutive inputs of an output (at one kernel position), the 2 best are KEPT
///   row l2          all weights of one output of a Linear layer (a neuron); the output layer's are never removed
///   filter l2       all weights of one output channel of a Conv layer
///   channel l2      an output channel, or a neuron, of all layers whose outputs are added up or normalised together,
///                   with the scale and shift of their norms and their biases
///   head l2         one attention head: its rows of q, k, v and its columns of o
///   layer l2        a whole block whose output has the shape of its input (a residual block, a layer of a stack)
struct Granularity {
  enum class Kind { weight, block, n_of_m, row, filter, channel, head, layer } kind = Kind::weight;
  std::int64_t outputs = 1;  ///< block
  std::int64_t inputs = 1;   ///< block
  std::int64_t kept = 1;     ///< n_of_m: n
  std::int64_t of = 1;       ///< n_of_m: m
  Reduction reduction = Reduction::l2;
  bool operator==(const Granularity&) const = default;
};

/// Errors: ErrorKind::invalid_input naming the choices, or what is wrong with the numbers (0 < n < m, blocks of 1 to
/// 65536).
Granularity parse_granularity(std::string_view text);
/// Whether the text, one that can be parsed, says how its scores are reduced.
bool names_reduction(std::string_view text);
/// Whether a unit leaves with all that belongs to it, the biases and the scales and shifts of norms too, so that
/// nothing of it is computed any more: channel, head, layer.
bool removes_units_whole(const Granularity& granularity);
std::string to_string(const Granularity& granularity);
std::string_view to_string(Reduction reduction);

}  // namespace espalier
