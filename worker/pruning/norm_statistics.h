#pragma once

#include "worker/criteria/criterion.h"

namespace espalier {

/// Estimates the running means and variances of all batch norms anew, from calibration data: adaptive batch
/// normalization, Li et al. 2020 (EagleEye), arXiv:2007.02491. A norm gets the mean of all numbers of a channel that it
/// is given, and their variance (with n - 1), while the norms before it normalize by the statistics of each batch; so
/// the first norm's are those of the calibration set, whatever the size of its batches. Nothing drops out. Differs:
/// cumulative averages over few batches instead of an exponential one. Errors: ErrorKind::invalid_input if there are
/// not two numbers of a channel in a batch, or no batch norm.
void estimate_norm_statistics(const CriterionContext& context);

}  // namespace espalier
