#include "worker/criteria/criterion.h"

#include "base/error.h"
#include "base/suggest.h"

namespace espalier {
namespace {

struct CriterionCode {
  const char* name;
  Criterion score;
  Repair repair;
};
#define ESPALIER_SCORING(name) {#name, score_##name, nullptr},
#define ESPALIER_ENTRY_scores_weights ESPALIER_SCORING
#define ESPALIER_ENTRY_draws_scores ESPALIER_SCORING
#define ESPALIER_ENTRY_scores_outputs ESPALIER_SCORING
#define ESPALIER_ENTRY_scores_normed_outputs ESPALIER_SCORING
#define ESPALIER_ENTRY_scores_activated_outputs ESPALIER_SCORING
#define ESPALIER_ENTRY_repairs_weights(name) {#name, nullptr, repair_##name},
constexpr CriterionCode kCriterionCodes[] = {
#define ESPALIER_CRITERION(name, formula, paper, needs, scores, ...) ESPALIER_ENTRY_##scores(name)
#include "experiments/catalog/criteria.def"
#undef ESPALIER_CRITERION
};

const CriterionCode& find_code(const std::string& name) {
  std::vector<std::string> choices;
  for (const CriterionCode& entry : kCriterionCodes) {
    if (entry.name == name) return entry;
    choices.emplace_back(entry.name);
  }
  throw Error(ErrorKind::invalid_input, "prune.criterion: " + unknown_name(name, choices));
}

}  // namespace

Criterion find_score(const std::string& name) {
  const CriterionCode& entry = find_code(name);
  if (entry.score == nullptr)
    throw Error(ErrorKind::invalid_input, "prune.criterion: " + name + " does not only score weights, it changes them");
  return entry.score;
}

Repair find_repair(const std::string& name) {
  const CriterionCode& entry = find_code(name);
  if (entry.repair == nullptr)
    throw Error(ErrorKind::invalid_input, "prune.criterion: " + name + " only scores weights");
  return entry.repair;
}

const std::vector<PrunableWeight>& CriterionContext::weights() const {
  if (!has_weights) throw Error(ErrorKind::internal, "a criterion that looks at weights was given none");
  return network.prunable();
}

double CriterionContext::option(const std::string& name) const {
  const auto found = options.find(name);
  if (found == options.end()) throw Error(ErrorKind::internal, "a criterion was given no option " + name);
  return found->second;
}

std::vector<at::Tensor> mean_gradients(const CriterionContext& context) {
  if (context.batches <= 0)
    throw Error(ErrorKind::internal, "a criterion that looks at gradients was given no batches");
  std::vector<at::Tensor> means;
  for (std::int64_t index = 0; index < context.batches; ++index) {
    const Batch batch = context.batch(index);
    context.network.loss_and_gradients(batch.inputs, batch.labels, context.mode);
    for (std::size_t layer = 0; layer < context.weights().size(); ++layer) {
      const at::Tensor& gradient = context.weights()[layer].gradient;
      if (index == 0) {
        means.push_back(gradient.clone());
      } else {
        means[layer].add_(gradient);
      }
    }
  }
  for (at::Tensor& mean : means) mean.div_(static_cast<double>(context.batches));
  return means;
}

}  // namespace espalier
