#include "experiments/stages/outcome.h"

#include <limits>

namespace espalier {

Evaluation Evaluation::of_classes(double accuracy, double loss, const std::vector<double>& by_class) {
  Evaluation evaluation{{{kAccuracy, 0, accuracy}, {kLoss, 0, loss}}};
  for (std::size_t i = 0; i < by_class.size(); ++i)
    evaluation.metrics.push_back({kClassAccuracy, static_cast<double>(i), by_class[i]});
  return evaluation;
}

double Evaluation::value(std::string_view name, double at) const {
  for (const EvaluationMetric& metric : metrics) {
    if (metric.name == name && metric.at == at) return metric.value;
  }
  return std::numeric_limits<double>::quiet_NaN();
}

std::vector<double> Evaluation::class_accuracies() const {
  std::vector<double> values;
  for (const EvaluationMetric& metric : metrics) {
    if (metric.name == kClassAccuracy) values.push_back(metric.value);
  }
  return values;
}

}  // namespace espalier
