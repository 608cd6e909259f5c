#include "experiments/parse/train_keys.h"

#include "experiments/catalog/catalog.h"
#include "experiments/parse/scalars.h"
#include "experiments/spec/sweep_limits.h"

namespace espalier {
namespace {

constexpr std::int64_t kLargestBatch = 1'000'000;

auto number_between(double low, double high, bool with_low, bool with_high) {
  return [=](const YamlValue& value, Problems& problems) {
    return parse_number(value, {low, high, with_low, with_high, ""}, problems);
  };
}

std::optional<std::string> parse_optimizer(const YamlValue& value, Problems& problems) {
  return parse_name(value, catalog_names(list_optimizers()), problems);
}

std::optional<std::int64_t> parse_batch_size(const YamlValue& value, Problems& problems) {
  return parse_count(value, 1, kLargestBatch, problems);
}

std::optional<std::string> parse_augment(const YamlValue& value, Problems& problems) {
  return parse_name(value, {"none", "crop_flip"}, problems);
}

std::optional<Length> parse_epochs(const YamlValue& value, Problems& problems) {
  const auto epochs = parse_count(value, 1, kMostEpochs, problems);
  return epochs ? std::optional(Length{*epochs, 0, value.place}) : std::nullopt;
}

std::optional<Length> parse_positive_length(const YamlValue& value, Problems& problems) {
  std::optional<Length> length = parse_length(value, problems);
  if (length && length->epochs + length->steps == 0) {
    problems.add(value.place, "expected at least one step, found " + describe(value));
    return std::nullopt;
  }
  return length;
}

std::optional<Length> parse_warmup(const YamlValue& value, Problems& problems) {
  return parse_length(value, problems);
}

void read_step_settings(const YamlValue& settings, LrSetting& lr, Problems& problems) {
  MapReader map(settings, problems);
  if (const YamlValue* list = map.require("milestones", "a list of steps, as in [2ep, 4ep]")) {
    if (list->kind != YamlValue::Kind::list || list->items.empty()) {
      problems.add(list->place, "expected a list of steps, as in [2ep, 4ep], found " + describe(*list));
    }
    for (const YamlValue& item : list->items) {
      if (const auto length = parse_positive_length(item, problems)) lr.milestones.push_back(*length);
    }
  }
  if (const YamlValue* gamma = map.find("gamma")) {
    lr.gamma = parse_number(*gamma, {0, 10, false, true, "the factor at each milestone"}, problems).value_or(lr.gamma);
  }
  map.finish();
}

std::optional<LrSetting> parse_lr_schedule(const YamlValue& value, Problems& problems) {
  const auto form = parse_form(value, {"constant", "step", "cosine"}, problems);
  if (!form) return std::nullopt;
  LrSetting lr;
  lr.shape = form->name;
  if (lr.shape == "step") {
    read_step_settings(form->settings, lr, problems);
  } else {
    MapReader(form->settings, problems).finish();
  }
  return lr;
}

template <template <typename> typename Slot>
void read_keys(AxisReader& reader, MapReader& map, TrainKeys<Slot>& keys) {
  reader.read(map, "optimizer", keys.optimizer, parse_optimizer);
  reader.read(map, "lr", keys.lr, number_between(0, 1000, false, true));
  reader.read(map, "momentum", keys.momentum, number_between(0, 1, true, false));
  reader.read(map, "nesterov", keys.nesterov, parse_flag);
  reader.read(map, "weight_decay", keys.weight_decay, number_between(0, 10, true, true));
  reader.read(map, "batch_size", keys.batch_size, parse_batch_size);
  reader.read(map, "epochs", keys.epochs, parse_epochs);
  reader.read(map, "steps", keys.steps, parse_positive_length);
  reader.read(map, "lr_schedule", keys.lr_schedule, parse_lr_schedule);
  reader.read(map, "warmup", keys.warmup, parse_warmup);
  reader.read(map, "eval_every", keys.eval_every, parse_positive_length);
  reader.read(map, "augment", keys.augment, parse_augment);
  map.finish();
  const YamlValue* epochs = map.find("epochs");
  const YamlValue* steps = map.find("steps");
  if (epochs != nullptr && steps != nullptr)
    reader.problems().add(steps->place, "epochs are given too; keep one of them");
}

}  // namespace

void read_train_keys(AxisReader& axes, const YamlValue& value, TrainKeys<Choices>& keys) {
  MapReader map(value, axes.problems());
  read_keys(axes, map, keys);
  if (value.kind != YamlValue::Kind::map && value.kind != YamlValue::Kind::null) return;
  map.require("lr", "the learning rate, as in lr: 0.1");
  if (map.find("steps") == nullptr) map.require("epochs", "how long to train, as in epochs: 5 (or steps: 2000it)");
}

void read_train_keys(Problems& problems, const YamlValue& value, TrainKeys<Maybe>& keys) {
  AxisReader reader(problems);
  MapReader map(value, problems);
  read_keys(reader, map, keys);
  if (map.find("steps") == nullptr) map.require("epochs", "how long to retrain, as in epochs: 2 (or steps: 500it)");
}

}  // namespace espalier
