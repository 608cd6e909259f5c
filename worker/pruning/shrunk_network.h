#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "experiments/pruning/removed_units.h"
#include "worker/network/network.h"

namespace espalier {

/// A network without the channels, heads and blocks that its masks remove as a whole (experiments/pruning/
/// removed_units.h), and the way of tensors to it and back. The smaller network has the original's names; its masks are
/// what else was removed. It computes what the original does under its masks, but for the order of sums.
class ShrunkNetwork {
 public:
  /// None where no unit leaves, and for a network whose structure is not known. `whole` has its masks; its weights are
  /// not used.
  static std::optional<ShrunkNetwork> of(const Network& whole);
  /// The same without some of the units only.
  ShrunkNetwork(const Network& whole, const std::vector<RemovedUnits>& units);

  /// On the same device and of the same type as the original, with its part of the masks. Its weights are zero.
  Network network() const;

  /// The part that is left of each tensor of the original: of its parameters, buffers and masks by name, and of what an
  /// optimizer keeps for every parameter (flat, as Network::parameters). Any other tensor is as it was.
  NamedTensors gathered(const NamedTensors& whole) const;
  /// The way back. What left is zero; of a buffer it is what `buffers` has, the original's by name.
  NamedTensors scattered(const NamedTensors& small, const NamedTensors& buffers) const;
  /// The way back for numbers of one parameter: what left has `elsewhere`.
  at::Tensor placed(const std::string& parameter, const at::Tensor& small, double elsewhere) const;
  /// Of the original's tensors by name. Errors: ErrorKind::corrupt for one that is missing or has another shape.
  NamedTensors buffers_among(const NamedTensors& whole) const;

 private:
  struct Part {
    std::string name;
    at::Tensor places;  ///< int64, of the shrunk shape: places in the original, row-major
    at::Tensor zeros;   ///< of the original's shape and type, without memory of its own
    bool is_buffer = false;
  };
  const Part* part_of(const std::string& tensor) const;
  bool is_flat(const std::string& name, const at::Tensor& tensor, std::int64_t count) const;

  ModelDescription description_;
  c10::Device device_;
  c10::ScalarType type_;
  std::vector<Part> parts_;
  at::Tensor flat_places_;  ///< int64 [parameters left]: places in Network::parameters of the original
  std::int64_t whole_count_ = 0;
  NamedTensors masks_;  ///< of the smaller network; empty where all of it is kept
};

/// Lets both networks, of equal weights and in evaluation mode, compute the examples. Returns the largest difference of
/// an output, as a part of the largest output. Errors: ErrorKind::internal, naming the layers whose units are amiss, if
/// it is above 1e-3 (float32) or 1e-9 (float64). Nothing is compared, and 0 returned, where an output is not finite.
double require_equal_outputs(const Network& whole, const Network& small, const at::Tensor& examples);

}  // namespace espalier
