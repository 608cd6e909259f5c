#include "experiments/operators/kinds/sized_image.h"

namespace espalier {
namespace {

/// Averages over parts of the image, as many as there are to be pixels.
class AdaptiveAveragePool : public SizedImage {
 public:
  std::string_view name() const override { return "AdaptiveAveragePool"; }
};

}  // namespace

const Operator& operator_adaptive_average_pool() {
  static const AdaptiveAveragePool kAdaptiveAveragePool;
  return kAdaptiveAveragePool;
}

}  // namespace espalier
