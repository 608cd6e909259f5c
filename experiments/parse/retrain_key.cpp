#include "experiments/parse/retrain_key.h"

#include "experiments/catalog.h"
#include "experiments/parse/map_reader.h"
#include "experiments/parse/scalars.h"
#include "experiments/parse/train_keys.h"

namespace espalier {
namespace {

using After = RetrainSetting::Form;

constexpr std::int64_t kMostEpochs = 1'000'000;

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

After form_called(const std::string& name) {
  if (name == "finetune") return After::finetune;
  if (name == "rewind") return After::rewind;
  if (name == "lr_rewind") return After::lr_rewind;
  return name == "reinit" ? After::reinit : After::none;
}

}  // namespace

std::optional<RetrainSetting> parse_retrain(const YamlValue& value, Problems& problems) {
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
      MapReader(form->settings, problems).finish();
  }
  return setting;
}

std::string retrain_label(const RetrainSetting& setting) {
  const TrainKeys<Maybe>& finetune = setting.finetune;
  switch (setting.form) {
    case After::none:
      return "none";
    case After::finetune:
      return "finetune " + to_string(finetune.epochs ? *finetune.epochs : finetune.steps.value_or(Length{}));
    case After::rewind:
      return "rewind " + to_string(setting.to);
    case After::lr_rewind:
      if (setting.last_epochs > 0) return "lr_rewind " + std::to_string(setting.last_epochs) + "ep";
      return "lr_rewind to " + to_string(setting.to);
    case After::reinit:
      break;
  }
  return "reinit";
}

}  // namespace espalier
