#include "experiments/parse/retrain_key.h"

#include <algorithm>
#include <string_view>

#include <fmt/format.h>

#include "experiments/catalog/catalog.h"
#include "experiments/parse/map_reader.h"
#include "experiments/parse/scalars.h"
#include "experiments/parse/train_keys.h"
#include "experiments/spec/sweep_limits.h"

namespace espalier {
namespace {

using After = RetrainSetting::Form;

/// "init" is step 0.
Length read_step(const YamlValue& value, Problems& problems) {
  const Length init{0, 0, value.place};
  if (value.kind == YamlValue::Kind::scalar && value.text == "init") return init;
  return parse_length(value, problems, "init or ").value_or(init);
}

void read_rewind(const YamlValue& settings, RetrainSetting& setting, Problems& problems) {
  MapReader map(settings, problems);
  const YamlValue* to =
      map.require("to", "the state to go back to, as in {rewind: {to: init}} or {rewind: {to: 500it}}");
  map.finish();
  if (to != nullptr) setting.to = read_step(*to, problems);
}

void read_lr_rewind(const YamlValue& settings, RetrainSetting& setting, Problems& problems) {
  MapReader map(settings, problems);
  const YamlValue* to = map.find("to");
  const YamlValue* epochs = map.find("epochs");
  map.finish();
  if ((to == nullptr) == (epochs == nullptr)) {
    problems.add(setting.place,
                 "expected either the step to go back to, as in {lr_rewind: {to: 500it}}, or how many of the "
                 "last epochs to repeat, as in {lr_rewind: {epochs: 2}}");
  } else if (to != nullptr) {
    setting.to = read_step(*to, problems);
  } else {
    setting.last_epochs = parse_count(*epochs, 1, kMostEpochs, problems).value_or(1);
  }
}

void read_weights(const YamlValue& value, RetrainSetting& setting, Problems& problems) {
  using Weights = RetrainSetting::Weights;
  const bool is_word = value.kind == YamlValue::Kind::scalar;
  if (is_word && value.text == "pruned") return;
  if (is_word && value.text == "fresh") {
    setting.weights = Weights::fresh;
    return;
  }
  setting.weights = Weights::step;
  setting.weights_of = {0, 0, value.place};
  if (is_word && value.text == "init") return;
  setting.weights_of = parse_length(value, problems, "pruned, fresh, init or ").value_or(setting.weights_of);
}

/// Which weights, which step of the schedule, which learning rate: Renda, Frankle & Carbin 2020, arXiv:2003.02389.
RetrainSetting read_knobs(const YamlValue& value, Problems& problems) {
  RetrainSetting setting;
  setting.form = After::knobs;
  setting.place = value.place;
  setting.to.place = value.place;
  MapReader map(value, problems);
  const char* example = "as in {weights: pruned, schedule: 500it, lr: 0.01}";
  const YamlValue* weights = map.require("weights", std::string("pruned, fresh, init or a step, ") + example);
  const YamlValue* schedule = map.require("schedule", std::string("the step to go on from, ") + example);
  const YamlValue* lr = map.find("lr");
  map.finish();
  if (weights != nullptr) read_weights(*weights, setting, problems);
  if (schedule != nullptr) setting.to = read_step(*schedule, problems);
  if (lr != nullptr && lr->kind == YamlValue::Kind::scalar && lr->text == "last") {
    setting.last_lr = true;
  } else if (lr != nullptr) {
    setting.lr = parse_number(*lr, {0, 1000, false, true, "or last: the training's last learning rate"}, problems);
  }
  return setting;
}

std::string knobs_label(const RetrainSetting& setting) {
  using Weights = RetrainSetting::Weights;
  std::string text = "weights ";
  text += setting.weights == Weights::step     ? to_string(setting.weights_of)
          : setting.weights == Weights::pruned ? "pruned"
                                               : "fresh";
  text += " schedule " + to_string(setting.to);
  if (setting.last_lr) text += " lr last";
  if (setting.lr) text += fmt::format(" lr {}", *setting.lr);
  return text;
}

After form_called(std::string_view name) {
  const auto retrains = list_retrains();
  return static_cast<After>(std::ranges::find(retrains, name, &CatalogEntry::name) - retrains.begin());
}

}  // namespace

std::optional<RetrainSetting> parse_retrain(const YamlValue& value, Problems& problems) {
  const bool has_knobs = value.find("weights") != nullptr || value.find("schedule") != nullptr;
  if (value.kind == YamlValue::Kind::map && has_knobs) return read_knobs(value, problems);
  const auto form = parse_form(value, catalog_names(list_retrains()), problems);
  if (!form) return std::nullopt;
  RetrainSetting setting;
  setting.form = form_called(form->name);
  setting.place = value.place;
  setting.to.place = value.place;
  switch (setting.form) {
    case After::finetune:
      read_train_keys(problems, form->settings, setting.finetune);
      break;
    case After::rewind:
      read_rewind(form->settings, setting, problems);
      break;
    case After::lr_rewind:
      read_lr_rewind(form->settings, setting, problems);
      break;
    case After::none:
    case After::reinit:
    case After::scratch_e:
    case After::scratch_b:
    case After::knobs:
      MapReader(form->settings, problems).finish();
  }
  return setting;
}

std::string retrain_label(const RetrainSetting& setting) {
  if (setting.form == After::knobs) return knobs_label(setting);
  const TrainKeys<Maybe>& finetune = setting.finetune;
  const std::string name(list_retrains()[static_cast<std::size_t>(setting.form)].name);
  switch (setting.form) {
    case After::finetune:
      return name + " " + to_string(finetune.epochs ? *finetune.epochs : finetune.steps.value_or(Length{}));
    case After::rewind:
      return name + " " + to_string(setting.to);
    case After::lr_rewind:
      if (setting.last_epochs > 0) return name + " " + std::to_string(setting.last_epochs) + "ep";
      return name + " to " + to_string(setting.to);
    case After::none:
    case After::reinit:
    case After::scratch_e:
    case After::scratch_b:
    case After::knobs:
      break;
  }
  return name;
}

}  // namespace espalier
