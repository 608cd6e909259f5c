#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "experiments/operators/operator_graph.h"

namespace espalier {

// Which slices of which tensors leave together: Fang et al. 2023, arXiv:2301.12900, say it for layers; here it is said
// for every index of every dimension. An index that could leave is an atom; operators unite the atoms that must leave
// together, and block those that cannot leave.

using Atom = std::int32_t;

/// The atoms of one dimension, or of several that are indexed together: after a reshape of [32] to [4, 8], the atoms of
/// the 32 indices are those of the 4 x 8 pairs. Dimensions that no axis covers have indices that never leave.
struct CoupledAxis {
  std::vector<std::size_t> dims;  ///< ascending
  std::vector<Atom> atoms;        ///< row-major over dims
  /// What a value has at these indices once their unit is removed, the unit's parameters being zero; none if that is
  /// not one number.
  std::optional<double> removed = 0.0;
};
using CoupledDims = std::vector<CoupledAxis>;

/// Sets of atoms. Not thread-safe.
class Coupling {
 public:
  /// New atoms, each a set of its own.
  std::vector<Atom> make(std::int64_t count);
  void unite(Atom one, Atom other);
  /// Pairwise. Errors: ErrorKind::internal for unequal lengths.
  void unite(const std::vector<Atom>& some, const std::vector<Atom>& others);
  /// Such atoms never leave. `node` is the first that said so, for the reason given to a user.
  void block(const std::vector<Atom>& atoms, const Node& node);
  void block(Atom atom, const Node& node);
  /// These belong to heads of an attention.
  void mark_heads(const std::vector<Atom>& atoms);
  /// As many atoms must leave of each of `parts` equal runs.
  void balance(const std::vector<Atom>& atoms, std::int64_t parts);

  /// A weight [out, in / groups, ...] is read by group: input i is index i mod (in / groups) of dimension 1, in the
  /// rows of group i / (in / groups).
  void read_by_group(ValueIndex weight, std::int64_t groups, const std::vector<Atom>& inputs);

  /// The same for all atoms of a set.
  Atom find(Atom atom) const;
  const Node* blocked_by(Atom atom) const { return blocked_[static_cast<std::size_t>(find(atom))]; }
  bool is_head(Atom atom) const { return heads_[static_cast<std::size_t>(find(atom))] != 0; }

  struct Balance {
    std::vector<Atom> atoms;
    std::int64_t parts;
  };
  const std::vector<Balance>& balances() const { return balances_; }
  struct GroupedInputs {
    ValueIndex weight;
    std::int64_t groups;
    std::vector<Atom> atoms;  ///< one an input
  };
  const std::vector<GroupedInputs>& grouped_inputs() const { return grouped_inputs_; }

 private:
  mutable std::vector<Atom> parents_;
  std::vector<const Node*> blocked_;
  std::vector<std::uint8_t> heads_;
  std::vector<Balance> balances_;
  std::vector<GroupedInputs> grouped_inputs_;
};

/// The axis of `dim` alone, or null where its indices never leave. Where the axis covers more dimensions, what shares
/// an index of `dim` is united, and the other dimensions have no axis afterwards.
CoupledAxis* alone(Coupling& coupling, CoupledDims& value, const Dims& dims, std::size_t dim);

/// As alone(); then the axis is blocked and taken away.
void block_dim(Coupling& coupling, CoupledDims& value, const Dims& dims, std::size_t dim, const Node& node);
void block_all(Coupling& coupling, const CoupledDims& value, const Node& node);

/// Unites the axes of two values that are computed index by index with broadcasting, both aligned at the last
/// dimension of `out`. An index that one side cannot lose, the other cannot either. The result's `removed` is that of
/// `combine` where both sides have the axis, and else that of `with_any`, which is given the number and whether it is
/// the first operand's.
CoupledDims couple_elements(Coupling& coupling, const Node& node, const Dims& out, CoupledDims first,
                            const Dims& first_dims, CoupledDims second, const Dims& second_dims,
                            std::optional<double> (*combine)(std::optional<double>, std::optional<double>),
                            std::optional<double> (*with_any)(std::optional<double>, bool is_first));

}  // namespace espalier
