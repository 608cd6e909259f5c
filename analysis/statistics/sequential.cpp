#include "analysis/statistics/sequential.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <utility>

#include <boost/math/distributions/normal.hpp>
#include <boost/math/quadrature/gauss.hpp>
#include <boost/math/tools/roots.hpp>

namespace espalier {
namespace {

const boost::math::normal kNormal;

double upper_tail(double z) {
  return cdf(complement(kNormal, z));
}

double upper_quantile(double tail) {
  return quantile(complement(kNormal, tail));
}

double root_of(const std::function<double(double)>& function, double low, double high) {
  std::uintmax_t steps = 300;
  const auto found =
      boost::math::tools::toms748_solve(function, low, high, boost::math::tools::eps_tolerance<double>(48), steps);
  return (found.first + found.second) / 2;
}

/// A Brownian path B(t) = Z sqrt t that has stayed within the boundaries so far: its density at the nodes of a
/// Gauss-Legendre rule between the last of them.
class StayingPath {
 public:
  /// That it is outside of -limit .. limit at information t, having stayed until now.
  double leaves(double t, double limit) const {
    if (nodes_.empty()) return 2 * upper_tail(limit / std::sqrt(t));
    const double sd = std::sqrt(t - time_);
    double chance = 0;
    for (std::size_t i = 0; i < nodes_.size(); ++i)
      chance += mass_[i] * (upper_tail((limit - nodes_[i]) / sd) + upper_tail((limit + nodes_[i]) / sd));
    return chance;
  }

  void stay(double t, double limit) {
    using Rule = boost::math::quadrature::gauss<double, 160>;
    std::vector<double> nodes, mass;
    const auto add = [&](double place, double weight) {
      nodes.push_back(limit * place);
      mass.push_back(limit * weight * density(t, limit * place));
    };
    for (std::size_t i = 0; i < Rule::abscissa().size(); ++i) {
      const double place = Rule::abscissa()[i], weight = Rule::weights()[i];
      add(place, weight);
      if (place != 0) add(-place, weight);
    }
    nodes_ = std::move(nodes);
    mass_ = std::move(mass);
    time_ = t;
  }

 private:
  double density(double t, double x) const {
    const double sd = std::sqrt(t - time_);
    if (nodes_.empty()) return pdf(kNormal, x / sd) / sd;
    double sum = 0;
    for (std::size_t i = 0; i < nodes_.size(); ++i) sum += mass_[i] * pdf(kNormal, (x - nodes_[i]) / sd) / sd;
    return sum;
  }

  double time_ = 0;
  std::vector<double> nodes_, mass_;
};

double classical_constant(int looks, double alpha, bool falls) {
  std::vector<double> information;
  for (int look = 1; look <= looks; ++look) information.push_back(static_cast<double>(look) / looks);
  return root_of(
      [&](double constant) {
        std::vector<double> boundaries;
        for (const double t : information) boundaries.push_back(falls ? constant / std::sqrt(t) : constant);
        return crossing_probability(information, boundaries) - alpha;
      },
      0.5, 8);
}

}  // namespace

double obrien_fleming_spending(double alpha, double t) {
  return 2 * upper_tail(upper_quantile(alpha / 2) / std::sqrt(t));
}

double obrien_fleming_per_side_spending(double alpha, double t) {
  return 4 * upper_tail(upper_quantile(alpha / 4) / std::sqrt(t));
}

double pocock_spending(double alpha, double t) {
  return alpha * std::log1p((std::exp(1.0) - 1) * t);
}

std::vector<double> sequential_boundaries(const std::vector<double>& information, double alpha, Spending spending) {
  StayingPath path;
  std::vector<double> boundaries;
  double spent = 0;
  for (const double t : information) {
    const double now = spending(alpha, t), scale = std::sqrt(t);
    constexpr double kFarthest = 12;
    const double z = root_of([&](double one) { return path.leaves(t, one * scale) - (now - spent); }, 0, kFarthest);
    boundaries.push_back(z);
    path.stay(t, z * scale);
    spent = now;
  }
  return boundaries;
}

double crossing_probability(const std::vector<double>& information, const std::vector<double>& boundaries) {
  StayingPath path;
  double crossed = 0;
  for (std::size_t look = 0; look < information.size(); ++look) {
    const double t = information[look], limit = boundaries[look] * std::sqrt(t);
    crossed += path.leaves(t, limit);
    path.stay(t, limit);
  }
  return crossed;
}

double obrien_fleming_constant(int looks, double alpha) {
  return classical_constant(looks, alpha, true);
}

double pocock_constant(int looks, double alpha) {
  return classical_constant(looks, alpha, false);
}

}  // namespace espalier
