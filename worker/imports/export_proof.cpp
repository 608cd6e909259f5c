#include "worker/imports/export_proof.h"

#include <algorithm>
#include <cmath>
#include <iomanip>
#include <map>
#include <sstream>

#include <ATen/core/grad_mode.h>

#include "base/error.h"
#include "experiments/operators/operator.h"
#include "experiments/operators/rebuilt_graph.h"
#include "worker/operators/graph_outputs.h"

// Both sides compute in double precision, whose rounding hides no mistake and blames no network that is badly
// conditioned.

namespace espalier {
namespace {

constexpr double kExportTolerance = 1e-5;
constexpr std::int64_t kSomeExamples = 2;

class ExportProof {
 public:
  ExportProof(const StoredNetwork& network, const ExportFormat& format) : network_(network), format_(format) {
    for (const auto& [name, tensor] : network.tensors) tensors_.emplace(name, tensor);
  }

  std::string bytes() const {
    const OperatorGraph& graph = *network_.graph;
    std::string written = format_.write(graph, network_.tensors);
    for (const std::int64_t count : {kSomeExamples, std::int64_t{1}}) {
      const double found = difference(graph, written, count);
      if (!(found <= kExportTolerance)) refuse_file(found);
    }
    return written;
  }

 private:
  /// The largest of an output, as a part of the largest output.
  double difference(const OperatorGraph& graph, const std::string& written, std::int64_t count) const {
    const at::Tensor examples = random_examples(graph, count);
    const at::Tensor expected = outputs_of(graph, examples, [&](const std::string& name) {
      const at::Tensor& tensor = tensors_.at(name);
      return tensor.is_floating_point() ? tensor.to(at::kDouble) : tensor;
    });
    if (!expected.isfinite().all().item<bool>()) return 0;
    const at::Tensor given = format_.run(written, examples);
    if (given.sizes() != expected.sizes()) return HUGE_VAL;
    return given.sub(expected).abs().max().item<double>() / std::max(expected.abs().max().item<double>(), 1e-12);
  }

  bool differs_at(std::size_t place) const {
    const OperatorGraph part = leading_to(*network_.graph, place);
    NamedTensors tensors;
    for (const Value& value : part.values())
      if (const auto found = tensors_.find(value.name); found != tensors_.end()) tensors.emplace_back(*found);
    try {
      return !(difference(part, format_.write(part, tensors), kSomeExamples) <= kExportTolerance);
    } catch (const Error&) {
      return false;  // such as a part that reads no examples
    }
  }

  [[noreturn]] void refuse_file(double found) const {
    std::string where = "the network";
    const auto& nodes = network_.graph->nodes();
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      if (!differs_at(i)) continue;
      where = nodes[i].name + " (" + std::string(nodes[i].op->name()) + ")";
      break;
    }
    std::ostringstream share;
    share << std::setprecision(2) << found;
    throw Error(ErrorKind::internal, format_.name + ": " + where +
                                         " computes something else in the file: outputs differ by " + share.str() +
                                         " of the largest; nothing was written");
  }

  const StoredNetwork& network_;
  const ExportFormat& format_;
  std::map<std::string, at::Tensor> tensors_;
};

}  // namespace

std::string proven_export(const StoredNetwork& network, const ExportFormat& format) {
  const at::NoGradGuard no_grad;
  return ExportProof(network, format).bytes();
}

}  // namespace espalier
