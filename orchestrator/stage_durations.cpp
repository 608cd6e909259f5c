#include "orchestrator/stage_durations.h"

#include <charconv>
#include <cmath>
#include <cstring>
#include <string>

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

std::vector<double> draw_stage_durations(const StageGraph& graph, const DurationModel& model, std::uint64_t seed) {
  std::vector<double> seconds;
  seconds.reserve(graph.stages.size());
  for (const Stage& stage : graph.stages) {
    const double median = stage.cost * model.seconds_per_cost.value() / stage.ranks;
    seconds.push_back(model.sigma > 0 ? median * lognormal_factor(seed, stage.key, model.sigma) : median);
  }
  return seconds;
}

}  // namespace espalier
