#pragma once

#include <vector>

namespace espalier {

// Looking at a growing number of seeds more than once: a two-sided test that stops where |Z| reaches a look's boundary
// errs with probability alpha in all, and not at each look. Z is the standardized mean so far; information is the
// fraction of the seeds seen, rising to at most 1 (Jennison & Turnbull 2000, Group Sequential Methods, ch. 2, 7, 19).

/// Of alpha, what may be spent until the information t (Lan & DeMets 1983, doi:10.1093/biomet/70.3.659).
using Spending = double (*)(double alpha, double t);
/// 2 (1 - Phi(z(alpha/2) / sqrt t)): little at first, as O'Brien and Fleming's boundaries do.
double obrien_fleming_spending(double alpha, double t);
/// The same with alpha/2 on each side, 4 (1 - Phi(z(alpha/4) / sqrt t)): what R's ldbounds and gsDesign have.
double obrien_fleming_per_side_spending(double alpha, double t);
/// alpha ln(1 + (e - 1) t): about evenly, as Pocock's boundaries do.
double pocock_spending(double alpha, double t);

/// For each look the |Z| from which on it stops. Accurate to 1e-8.
std::vector<double> sequential_boundaries(const std::vector<double>& information, double alpha, Spending spending);

/// That Z, of mean 0, reaches a boundary at some look.
double crossing_probability(const std::vector<double>& information, const std::vector<double>& boundaries);

/// C of the classical boundaries C / sqrt(t_k) at equally many new seeds a look (O'Brien & Fleming 1979,
/// doi:10.2307/2530245), and of constant ones (Pocock 1977, doi:10.1093/biomet/64.2.191).
double obrien_fleming_constant(int looks, double alpha);
double pocock_constant(int looks, double alpha);

}  // namespace espalier
