#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include <ATen/core/Tensor.h>

#include "experiments/stages/outcome.h"

namespace espalier {

/// What a network learns: the loss of its outputs, and the metrics that an evaluation makes of them. Everything that
/// trains, scores or measures a network asks its task. Stateless; any thread.
///
/// Outputs are what Network::forward gives, of a batch of N examples; labels are the batch's, int64. Adding a task is
/// one file with task_<name>() and one line in catalog/tasks.def.
class Task {
 public:
  virtual ~Task() = default;

  /// The mean over the batch, a scalar with its graph.
  virtual at::Tensor loss(const at::Tensor& outputs, const at::Tensor& labels) const = 0;
  /// The loss of each example, [N], with its graph: for criteria that use single examples.
  virtual at::Tensor example_losses(const at::Tensor& outputs, const at::Tensor& labels) const = 0;
  /// The loss of a part of a batch of `count` examples, a scalar with its graph: the parts' add up to loss() of the
  /// whole. Errors: ErrorKind::invalid_input for outputs whose mean is not over examples.
  virtual at::Tensor loss_of_part(const at::Tensor& outputs, const at::Tensor& labels, std::int64_t count) const = 0;

  /// What an evaluation adds up over batches, and over the members of a gang: float64 [sum_count(classes)].
  virtual at::Tensor sums(const at::Tensor& outputs, const at::Tensor& labels) const = 0;
  virtual std::int64_t sum_count(std::int64_t classes) const = 0;
  /// The metrics of `examples` examples with these sums in all.
  virtual Evaluation evaluation(std::span<const double> sums, std::int64_t examples) const = 0;
};

/// Lives as long as the program. Errors: ErrorKind::invalid_input for an unknown name, with the choices.
const Task& find_task(std::string_view name);

#define ESPALIER_TASK(name, loss, metrics, about) const Task& task_##name();
#include "experiments/catalog/tasks.def"
#undef ESPALIER_TASK

}  // namespace espalier
