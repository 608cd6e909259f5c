#include "worker/artifacts/train_state.h"

#include <cmath>
#include <limits>

#include <nlohmann/json.hpp>

#include "base/error.h"

namespace espalier {
namespace {

using nlohmann::json;

// JSON has no NaN; nlohmann writes finite doubles in their shortest exact form.
json exact(double value) {
  if (std::isfinite(value)) return value;
  return std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
}

double number(const json& value) {
  if (value.is_number()) return value.get<double>();
  const auto text = value.get<std::string>();
  if (text == "nan") return std::numeric_limits<double>::quiet_NaN();
  if (text == "inf") return std::numeric_limits<double>::infinity();
  if (text == "-inf") return -std::numeric_limits<double>::infinity();
  throw Error(ErrorKind::corrupt, "a training state holds \"" + text.substr(0, 20) + "\" where a number belongs");
}

json exact(const std::optional<double>& value) {
  return value ? exact(*value) : json();
}

std::optional<double> optional_number(const json& value) {
  return value.is_null() ? std::nullopt : std::optional(number(value));
}

}  // namespace

std::string to_json(const TrainState& state) {
  json points = json::array();
  for (const MetricPoint& point : state.metrics) points.push_back({point.step, point.name, exact(point.value)});
  return json{{"step", state.step},
              {"diverged", state.diverged},
              {"loss_sum", exact(state.loss_sum)},
              {"loss_count", state.loss_count},
              {"best_validation_loss", exact(state.best_validation_loss)},
              {"accuracy_best_val", exact(state.test_accuracy_at_best_validation)},
              {"metrics", points},
              {"wall_s", exact(state.wall_s)}}
      .dump();
}

TrainState parse_train_state(std::string_view text) {
  try {
    const json value = json::parse(text);
    TrainState state;
    value.at("step").get_to(state.step);
    value.at("diverged").get_to(state.diverged);
    state.loss_sum = number(value.at("loss_sum"));
    value.at("loss_count").get_to(state.loss_count);
    state.best_validation_loss = optional_number(value.at("best_validation_loss"));
    state.test_accuracy_at_best_validation = optional_number(value.at("accuracy_best_val"));
    for (const json& point : value.at("metrics")) {
      state.metrics.push_back({point.at(0).get<std::int64_t>(), point.at(1).get<std::string>(), number(point.at(2))});
    }
    state.wall_s = number(value.at("wall_s"));
    return state;
  } catch (const json::exception& error) {
    throw Error(ErrorKind::corrupt, std::string("a training state cannot be read: ") + error.what());
  }
}

}  // namespace espalier
