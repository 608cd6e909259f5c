#include "orchestrator/simulation/stage_durations.h"

#include <charconv>
#include <cmath>
#include <cstring>
#include <set>
#include <string>
#include <unordered_map>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/random.h"

namespace espalier {
namespace {

constexpr std::string_view kLognormal = "lognormal:";
constexpr double kLargestSigma = 5;

/// A number in (0, most].
std::optional<double> parse_positive(std::string_view text, double most) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  return whole && value > 0 && value <= most ? std::optional(value) : std::nullopt;
}

[[noreturn]] void refuse(std::string_view text) {
  throw Error(ErrorKind::invalid_input,
              "--durations: expected measured, SECONDS_PER_COST, lognormal:SIGMA or lognormal:SIGMA:SECONDS_PER_COST "
              "(numbers above 0, SIGMA at most 5), found \"" +
                  std::string(text.substr(0, 80)) + "\"");
}

/// The models of stages; the seeds of a configuration share a spec, which is read once.
class ModelNames {
 public:
  /// "" for a stage without one.
  const std::string& of(const Stage& stage) {
    const auto [found, is_new] = known_.try_emplace(stage.spec.get());
    if (is_new && stage.spec) {
      const auto spec = nlohmann::json::parse(*stage.spec, nullptr, false);
      const nlohmann::json::json_pointer name("/model/name");
      if (spec.is_object() && spec.contains(name)) found->second = spec.at(name).get<std::string>();
    }
    return found->second;
  }

 private:
  std::unordered_map<const std::string*, std::string> known_;
};

double rate_of(const std::string& model, const std::map<std::string, double>& by_model, double otherwise) {
  const auto found = by_model.find(model);
  return found != by_model.end() ? found->second : otherwise;
}

double lognormal_factor(std::uint64_t seed, const StageKey& key, double sigma) {
  std::uint64_t name;
  std::memcpy(&name, key.digest.data(), sizeof name);
  return std::exp(sigma * RandomStream(seed, "duration", name).normal());
}

}  // namespace

DurationModel parse_duration_model(std::string_view text) {
  constexpr double kSlowest = 1;  // a second for a multiply-add
  DurationModel model;
  if (text == "measured") return model;
  if (!text.starts_with(kLognormal)) {
    model.seconds_per_cost = parse_positive(text, kSlowest);
    if (!model.seconds_per_cost) refuse(text);
    return model;
  }
  const std::string_view numbers = text.substr(kLognormal.size());
  const std::size_t colon = numbers.find(':');
  const std::optional<double> sigma = parse_positive(numbers.substr(0, colon), kLargestSigma);
  if (!sigma) refuse(text);
  model.sigma = *sigma;
  if (colon == std::string_view::npos) return model;
  model.seconds_per_cost = parse_positive(numbers.substr(colon + 1), kSlowest);
  if (!model.seconds_per_cost) refuse(text);
  return model;
}

std::vector<std::string> models_not_measured(const StageGraph& graph, const MeasuredCost& measured) {
  ModelNames models;
  std::set<std::string> missing;
  for (const Stage& stage : graph.stages) {
    if (has(stage.kind, StageProperty::trains) && !measured.by_model.contains(models.of(stage)))
      missing.insert(models.of(stage));
  }
  return {missing.begin(), missing.end()};
}

void weigh_by_model(StageGraph& graph, const std::map<std::string, double>& by_model, double reference) {
  ModelNames models;
  for (Stage& stage : graph.stages) stage.cost *= rate_of(models.of(stage), by_model, reference) / reference;
}

void cost_in_seconds(StageGraph& graph, const MeasuredCost& measured) {
  ModelNames models;
  const double otherwise = measured.overall.value_or(kAssumedSecondsPerCost);
  for (Stage& stage : graph.stages) stage.cost *= rate_of(models.of(stage), measured.by_model, otherwise);
}

std::vector<double> draw_stage_durations(const StageGraph& graph, const DurationModel& model, std::uint64_t seed) {
  std::vector<double> seconds;
  seconds.reserve(graph.stages.size());
  ModelNames models;
  for (const Stage& stage : graph.stages) {
    const double rate = rate_of(models.of(stage), model.by_model, model.seconds_per_cost.value());
    const double median = stage.cost * rate / stage.ranks;
    seconds.push_back(model.sigma > 0 ? median * lognormal_factor(seed, stage.key, model.sigma) : median);
  }
  return seconds;
}

}  // namespace espalier
