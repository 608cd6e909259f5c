#pragma once

#include <functional>
#include <string>

#include "worker/network/stored_network.h"

namespace espalier {

/// How a network becomes the bytes of a file, and what these give for examples, [N, ...]: of float32 in that precision,
/// of float64, or numbers of tokens, in double precision.
struct ExportFormat {
  std::string name;  ///< for messages
  std::function<std::string(const OperatorGraph& graph, const NamedTensors& tensors)> write;
  std::function<at::Tensor(const std::string& bytes, const at::Tensor& examples)> run;
};

/// The file's bytes, after it was read again and has computed two examples and one beside the network: their outputs
/// differ by at most 1e-5 of the largest. Nothing is compared where an output of the network is not finite. Errors:
/// those of the format; ErrorKind::internal, naming the first node whose output is another.
std::string proven_export(const StoredNetwork& network, const ExportFormat& format);

}  // namespace espalier
