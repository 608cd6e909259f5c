#include "worker/pruning/norm_statistics.h"

#include <algorithm>
#include <map>
#include <string>

#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>

#include "base/error.h"

namespace espalier {
namespace {

/// Mean and summed squares around it, of each channel, over what came so far.
struct ChannelMoments {
  at::Tensor mean, squares;  // float64 [channels]
  double count = 0;

  void add(const at::Tensor& rows) {
    const auto added = static_cast<double>(rows.size(0));
    const at::Tensor values = rows.to(at::kDouble), average = values.mean(0), around = values.sub(average);
    if (count == 0) {
      mean = average;
      squares = around.square().sum(0);
    } else {  // of two parts: Chan, Golub & LeVeque 1983
      const at::Tensor between = average.sub(mean);
      squares = squares.add(around.square().sum(0)).add(between.square(), count * added / (count + added));
      mean = mean.add(between, added / (count + added));
    }
    count += added;
  }
};

class NormObserver : public ForwardObserver {
 public:
  std::map<std::string, ChannelMoments> moments;  // by norm

  void on_batch_norm(const std::string& norm, const at::Tensor& input) override {
    moments[norm].add(input.movedim(1, -1).reshape({-1, input.size(1)}));
  }
};

void write_buffer(const Network& network, const std::string& name, const at::Tensor& values) {
  const auto found = std::ranges::find(network.buffers(), name, &Buffer::name);
  if (found != network.buffers().end()) at::Tensor(found->tensor).copy_(values);
}

}  // namespace

void estimate_norm_statistics(const CriterionContext& context) {
  const at::NoGradGuard no_grad;
  const Network& network = context.network;
  NormObserver observer;
  for (std::int64_t index = 0; index < context.batches; ++index) {
    const Batch batch = context.batch(index);
    if (batch.inputs.size(0) < 2)
      throw Error(ErrorKind::invalid_input, "repair: bn_stats needs batches of at least 2 examples");
    network.forward(batch.inputs, {Mode::batch_statistics, &observer});
  }
  if (observer.moments.empty() || !network.description().graph) {
    throw Error(ErrorKind::invalid_input, "repair: bn_stats estimates the statistics of batch norms, and " +
                                              network.description().name + " has none; leave it out");
  }
  const OperatorGraph& graph = *network.description().graph;
  for (const Node& node : graph.nodes()) {
    const auto found = observer.moments.find(node.name);
    if (found == observer.moments.end() || !node.op->has(OperatorTrait::batch_norm)) continue;
    constexpr std::size_t kMean = 3, kVariance = 4;
    const ChannelMoments& of_norm = found->second;
    write_buffer(network, graph.value(node.inputs[kMean]).name, of_norm.mean);
    write_buffer(network, graph.value(node.inputs[kVariance]).name, of_norm.squares.div(of_norm.count - 1));
  }
}

}  // namespace espalier
