#pragma once

#include <string>
#include <vector>

#include "worker/criteria/criterion.h"
#include "worker/network/named_tensors.h"

namespace espalier {

/// A layer that reads removed units: the squared differences of its outputs from the uncut network's, summed over
/// outputs and rows of calibration data, if it is given what the uncut network's is.
struct RefittedLayer {
  std::string layer;
  double before = 0;  ///< as the cut leaves it
  double after = 0;
};

/// Makes up for a cut: the layers that read removed channels or heads are fitted again to what they gave before.
///
/// A layer y = W x + b of which the columns S stay and the columns R read nothing any more gets the W' and b' that
/// minimize sum ||W x + b - W'_S x_S - b'||^2 + lambda ||W'_S - W_S||^2 over all rows of calibration data (linear
/// layers: examples or tokens; convolutions: unfolded patches, group by group). With C = sum (x - m)(x - m)^T and m the
/// mean of x,
///   W'_S = W_S + W_R C_RS (C_SS + lambda I)^-1,  b' = b + W m - W'_S m_S,
/// and W'_R = 0. Without a bias m is zero. lambda is `damping` times the mean diagonal of C_SS, as in SparseGPT
/// (inverse_factor). Paper: He et al. 2017, arXiv:1707.06168, whose second step it is; Luo et al. 2017 (ThiNet),
/// arXiv:1707.06342, fit one factor for each input. Differs: x is the uncut network's in all layers, which one
/// pass shows; the ridge, which both do without, pulls to the weights that are there and not to zero, so that no layer
/// is worse than without it; the bias.
///
/// `uncut.network` has the weights before the cut and its other masks; `masks` are those after it. Transposed
/// convolutions stay as they are. Returns what was fitted, in the model's order. Errors: those of see_inputs;
/// ErrorKind::invalid_input for a network whose structure is not known; ErrorKind::numeric if the inputs of a layer
/// leave it no one solution, which a damping above 0 prevents.
std::vector<RefittedLayer> refit(const CriterionContext& uncut, const NamedTensors& masks, double damping);

}  // namespace espalier
