#include "experiments/operators/coupling.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "base/error.h"

namespace espalier {
namespace {

CoupledAxis* axis_over(CoupledDims& value, std::size_t dim) {
  for (CoupledAxis& axis : value) {
    if (std::ranges::find(axis.dims, dim) != axis.dims.end()) return &axis;
  }
  return nullptr;
}

/// The dims of a value within those of a result that it is broadcast to.
CoupledDims aligned(CoupledDims value, std::size_t offset) {
  for (CoupledAxis& axis : value) {
    for (std::size_t& dim : axis.dims) dim += offset;
  }
  return value;
}

bool overlap(const CoupledAxis& one, const CoupledAxis& other) {
  return std::ranges::any_of(one.dims,
                             [&](std::size_t dim) { return std::ranges::find(other.dims, dim) != other.dims.end(); });
}

/// Whether the value has one index along the result's dimension, repeated for all.
bool is_repeated(const Dims& dims, std::size_t offset, std::size_t dim) {
  return dim < offset || dims[dim - offset].size == 1;
}

/// Where axes of both sides cover different dimensions, each is brought to single dimensions.
void separate(Coupling& coupling, CoupledDims& first, CoupledDims& second, const Dims& out) {
  const auto disagree = [](const CoupledAxis& one, const CoupledDims& others) {
    return std::ranges::any_of(others,
                               [&](const CoupledAxis& other) { return overlap(one, other) && one.dims != other.dims; });
  };
  for (bool again = true; again;) {
    again = false;
    for (CoupledDims* side : {&first, &second}) {
      const CoupledDims& others = side == &first ? second : first;
      for (const CoupledAxis& axis : *side) {
        if (axis.dims.size() < 2 || !disagree(axis, others)) continue;
        alone(coupling, *side, out, axis.dims[0]);
        again = true;
        break;
      }
      if (again) break;
    }
  }
}

}  // namespace

std::vector<Atom> Coupling::make(std::int64_t count) {
  std::vector<Atom> atoms(static_cast<std::size_t>(count));
  std::iota(atoms.begin(), atoms.end(), static_cast<Atom>(parents_.size()));
  parents_.insert(parents_.end(), atoms.begin(), atoms.end());
  blocked_.resize(parents_.size(), nullptr);
  heads_.resize(parents_.size(), 0);
  return atoms;
}

Atom Coupling::find(Atom atom) const {
  const auto parent = [this](Atom one) -> Atom& { return parents_[static_cast<std::size_t>(one)]; };
  while (parent(atom) != atom) atom = parent(atom) = parent(parent(atom));
  return atom;
}

void Coupling::unite(Atom one, Atom other) {
  one = find(one);
  other = find(other);
  if (one == other) return;
  if (other < one) std::swap(one, other);
  const auto first = static_cast<std::size_t>(one), second = static_cast<std::size_t>(other);
  parents_[second] = one;
  if (blocked_[first] == nullptr) blocked_[first] = blocked_[second];
  heads_[first] |= heads_[second];
}

void Coupling::unite(const std::vector<Atom>& some, const std::vector<Atom>& others) {
  if (some.size() != others.size()) throw Error(ErrorKind::internal, "dimensions of unequal sizes are coupled");
  for (std::size_t i = 0; i < some.size(); ++i) unite(some[i], others[i]);
}

void Coupling::block(Atom atom, const Node& node) {
  const Node*& blocked = blocked_[static_cast<std::size_t>(find(atom))];
  if (blocked == nullptr) blocked = &node;
}

void Coupling::block(const std::vector<Atom>& atoms, const Node& node) {
  for (const Atom atom : atoms) block(atom, node);
}

void Coupling::mark_heads(const std::vector<Atom>& atoms) {
  for (const Atom atom : atoms) heads_[static_cast<std::size_t>(find(atom))] = 1;
}

void Coupling::balance(const std::vector<Atom>& atoms, std::int64_t parts) {
  balances_.push_back({atoms, parts});
}

void Coupling::read_by_group(ValueIndex weight, std::int64_t groups, const std::vector<Atom>& inputs) {
  grouped_inputs_.push_back({weight, groups, inputs});
}

CoupledAxis* alone(Coupling& coupling, CoupledDims& value, const Dims& dims, std::size_t dim) {
  CoupledAxis* axis = axis_over(value, dim);
  if (axis == nullptr || axis->dims.size() == 1) return axis;
  std::size_t inner = 1;  // indices of the axis for each index of `dim` and those before it
  for (auto after = axis->dims.rbegin(); *after != dim; ++after) inner *= static_cast<std::size_t>(dims[*after].size);
  const auto size = static_cast<std::size_t>(dims[dim].size);
  std::vector<Atom> firsts(size, -1);
  for (std::size_t i = 0; i < axis->atoms.size(); ++i) {
    Atom& first = firsts[i / inner % size];
    if (first < 0) first = axis->atoms[i];
    coupling.unite(first, axis->atoms[i]);
  }
  axis->dims = {dim};
  axis->atoms = std::move(firsts);
  return axis;
}

void block_dim(Coupling& coupling, CoupledDims& value, const Dims& dims, std::size_t dim, const Node& node) {
  const CoupledAxis* axis = alone(coupling, value, dims, dim);
  if (axis == nullptr) return;
  coupling.block(axis->atoms, node);
  std::erase_if(value, [&](const CoupledAxis& one) { return &one == axis; });
}

void block_all(Coupling& coupling, const CoupledDims& value, const Node& node) {
  for (const CoupledAxis& axis : value) coupling.block(axis.atoms, node);
}

CoupledDims couple_elements(Coupling& coupling, const Node& node, const Dims& out, CoupledDims first,
                            const Dims& first_dims, CoupledDims second, const Dims& second_dims,
                            std::optional<double> (*combine)(std::optional<double>, std::optional<double>),
                            std::optional<double> (*with_any)(std::optional<double>, bool is_first)) {
  const std::size_t first_offset = out.size() - first_dims.size(), second_offset = out.size() - second_dims.size();
  first = aligned(std::move(first), first_offset);
  second = aligned(std::move(second), second_offset);
  separate(coupling, first, second, out);
  CoupledDims result;
  const auto add_lone = [&](const CoupledAxis& axis, const Dims& others, std::size_t offset, bool is_first) {
    const bool repeated =
        std::ranges::all_of(axis.dims, [&](std::size_t dim) { return is_repeated(others, offset, dim); });
    if (repeated) {
      result.push_back({axis.dims, axis.atoms, with_any(axis.removed, is_first)});
    } else {
      coupling.block(axis.atoms, node);
    }
  };
  for (const CoupledAxis& axis : first) {
    const auto other =
        std::ranges::find_if(second, [&](const CoupledAxis& candidate) { return candidate.dims == axis.dims; });
    if (other == second.end()) {
      add_lone(axis, second_dims, second_offset, true);
    } else {
      coupling.unite(axis.atoms, other->atoms);
      result.push_back({axis.dims, axis.atoms, combine(axis.removed, other->removed)});
    }
  }
  for (const CoupledAxis& axis : second) {
    const bool has_other =
        std::ranges::any_of(first, [&](const CoupledAxis& candidate) { return candidate.dims == axis.dims; });
    if (!has_other) add_lone(axis, first_dims, first_offset, false);
  }
  return result;
}

}  // namespace espalier
