#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "experiments/formats/safetensors.h"

namespace espalier {

/// The mask of a network's prunable weights, a bit each.
struct PackedMask {
  struct Layer {
    std::string parameter;  ///< "fc1.weight"
    std::int64_t weights = 0;
    std::int64_t kept = 0;
    std::vector<std::uint64_t> bits;
  };
  std::vector<Layer> layers;  ///< by name
};

/// From an artifact that holds masks ("fc1.weight", bytes), or weights and masks ("fc1.weight.mask" beside them). Masks
/// of norms and biases are left out: they follow from those of the weights. Errors: ErrorKind::corrupt if there are
/// none.
PackedMask pack_mask(const Safetensors& artifact);

/// How alike two masks A and B of one network are.
struct MaskOverlap {
  std::int64_t kept_a = 0, kept_b = 0, kept_both = 0;
  /// J = |A and B| / |A or B|; none if both are empty. Paper: Jaccard 1912, doi:10.1111/j.1469-8137.1912.tb05611.x.
  std::optional<double> jaccard;
  /// J expected of independent random masks that keep as many weights of each layer, a_l and b_l of n_l:
  ///   J_chance = sum_l a_l b_l / n_l / sum_l (a_l + b_l - a_l b_l / n_l),
  /// the quotient of both expectations (the intersection of a layer is hypergeometric).
  /// Differs: the expectation of the quotient is above it by a term that falls with the number of weights.
  std::optional<double> chance;
  /// (J - J_chance) / (1 - J_chance): 0 as chance has it, 1 equal masks; none if J_chance is 1 (nothing is removed).
  /// Paper: Albatineh, Niewiadomska-Bugaj & Mihalko 2006, doi:10.1007/s00357-006-0017-z, eq. (1).
  std::optional<double> corrected;
};

/// Errors: ErrorKind::invalid_input if they are of different networks.
MaskOverlap compare_masks(const PackedMask& a, const PackedMask& b);

}  // namespace espalier
