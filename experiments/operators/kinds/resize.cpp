#include "experiments/operators/kinds/sized_image.h"

namespace espalier {
namespace {

/// Interpolates. Attributes mode: nearest or linear; align_corners: 1 where the corners' centers stay.
class Resize : public SizedImage {
 public:
  std::string_view name() const override { return "Resize"; }
};

}  // namespace

const Operator& operator_resize() {
  static const Resize kResize;
  return kResize;
}

}  // namespace espalier
