#include "experiments/expand/dense_config.h"

#include <filesystem>
#include <utility>

#include "base/error.h"
#include "experiments/catalog/catalog.h"
#include "experiments/expand/train_recipe.h"
#include "experiments/parse/dataset_key.h"
#include "experiments/pruning/model_epoch.h"
#include "experiments/trials/trial_key.h"

namespace espalier {
namespace {

/// Momentum is not adam's: its axis makes no variants of a network trained by adam.
bool is_unused(const SweepSpec& spec, const Combination& combination, const std::string& path) {
  if (path != "train.momentum" && path != "train.nesterov") return false;
  return spec.train.optimizer.given() && !has(spec.train.optimizer.at(combination), OptimizerProperty::takes_momentum);
}

}  // namespace

std::string variant_of(const SweepSpec& spec, const Combination& combination, bool only_dense) {
  std::string text;
  for (const std::vector<AxisIndex>& dial : spec.dials) {
    for (const AxisIndex index : dial) {
      const Axis& axis = spec.axes[index];
      const std::string& variant = axis.variants[combination[index]];
      if (variant.empty() || (only_dense && !axis.dense) || is_unused(spec, combination, axis.place.path)) continue;
      if (!text.empty()) text += ", ";
      text += variant;
    }
  }
  return text;
}

DenseConfigs::DenseConfigs(const SweepSpec& spec, const DatasetResolver& resolve, const ModelFileResolver& files,
                           Problems& problems)
    : spec_(spec), resolve_(resolve), resolve_file_(files), problems_(problems) {}

DenseConfig* DenseConfigs::find(const Combination& combination) {
  Combination key = combination;
  for (std::size_t axis = 0; axis < key.size(); ++axis) {
    if (!spec_.axes[axis].dense) key[axis] = 0;
  }
  if (last_ != nullptr && key == key_) return last_;
  auto found = networks_.find(key);
  if (found == networks_.end()) found = networks_.emplace(key, make(combination)).first;
  key_ = std::move(key);
  last_ = found->second.get();
  return last_;
}

const DatasetSpec* DenseConfigs::dataset_of(const Combination& combination) {
  const std::size_t index = spec_.dataset.index(combination);
  const auto [found, is_new] = datasets_.try_emplace(index);
  if (is_new) {
    try {
      found->second = resolve_(spec_.dataset.values[index]);
      for (const std::string& remark : std::exchange(found->second->remarks, {}))
        problems_.warn(spec_.dataset_place, dataset_label(spec_.dataset.values[index]) + ": " + remark);
    } catch (const Error& error) {
      problems_.add(spec_.dataset_place, error.what());
    }
    refuse_equal_content(index);
  }
  return found->second ? &*found->second : nullptr;
}

void DenseConfigs::refuse_equal_content(std::size_t index) {
  if (!datasets_[index]) return;
  for (const auto& [other, dataset] : datasets_) {
    if (other == index || dataset != datasets_[index]) continue;
    problems_.add(spec_.dataset_place, dataset_label(spec_.dataset.values[index]) + " has the same content as " +
                                           dataset_label(spec_.dataset.values[other]) + "; keep one of them");
  }
}

std::filesystem::path DenseConfigs::absolute_path(const std::string& given) const {
  return std::filesystem::absolute(spec_.folder / given).lexically_normal();
}

const FoundModelFile& DenseConfigs::file_of(const ModelRequest& request, const DatasetSpec& dataset) {
  if (!resolve_file_) throw Error(ErrorKind::internal, "a model's file, and nothing that can read it");
  ModelFileRequest wanted{request, dataset.shape, dataset.keeps_shape, dataset.classes};
  wanted.model.path = absolute_path(request.path).string();
  const auto known = model_files_.find(wanted);
  if (known != model_files_.end()) return known->second;
  FoundModelFile found = resolve_file_(wanted);
  return model_files_.emplace(std::move(wanted), std::move(found)).first->second;
}

bool DenseConfigs::set_model(const Combination& combination, const DatasetSpec& dataset, TrialConfig& config,
                             LoneExample& lone) {
  const ModelRequest& request = spec_.model.at(combination);
  config.model = {request.name, dataset.shape, dataset.classes};
  try {
    if (!request.path.empty()) {
      const FoundModelFile& found = file_of(request, dataset);
      config.model.file = found.file;
      config.model.name = model_file_name(request.format, found.file.content);
      config.model_path = std::make_shared<const std::string>(found.path);
      const auto warn = [&](const std::string& remark) {
        problems_.warn(spec_.model_place, absolute_path(request.path).string() + ": " + remark);
      };
      for (const std::string& remark : std::exchange(config.model.file->remarks, {})) warn(remark);
      if (!found.file.obstacle.empty())
        warn("stays a black box, of which only weights, rows and filters can be removed: " + found.file.obstacle);
    }
    lone = lone_example(describe_model(config.model));
    if (config.model.file) {  // trials need its JSON, and what says why it has no channels
      config.model.file->lone_example.clear();
      config.model.file->batch_norm = false;
    }
    return true;
  } catch (const Error& error) {
    problems_.add(spec_.model_place, error.what());
    return false;
  }
}

bool DenseConfigs::set_init(const Combination& combination, TrialConfig& config) {
  const auto init = spec_.init.pick(combination);
  config.init = init                ? *init
                : config.model.file ? name_with(list_inits(), InitProperty::of_script)
                                    : default_name(list_inits());
  if (config.model.file || !has(config.init, InitProperty::of_script)) return true;
  problems_.add(spec_.init_place, config.init + " keeps the weights of a model's file; " + config.model.name +
                                      " has none: name a distribution to draw them from");
  return false;
}

bool DenseConfigs::set_ranks(const Combination& combination, TrialConfig& config) {
  const std::int64_t ranks = spec_.ranks.pick(combination).value_or(1);
  if (ranks > 1 && config.model.file && !config.model.file->is_graph) {
    problems_.add(spec_.ranks_place,
                  "a TorchScript module cannot be trained by several ranks: its batch norms and dropout would see only "
                  "a part of each batch; use a model of the catalog, or one rank");
    return false;
  }
  return share_batches(config.train, ranks, spec_.ranks_place, problems_);
}

std::unique_ptr<DenseConfig> DenseConfigs::make(const Combination& combination) {
  const DatasetSpec* dataset = dataset_of(combination);
  if (dataset == nullptr) return nullptr;
  auto network = std::make_unique<DenseConfig>();
  TrialConfig& config = network->config;
  config.dataset = *dataset;
  if (!set_model(combination, *dataset, config, network->lone) || !set_init(combination, config)) return nullptr;
  const ModelDescription model = describe_model(config.model);
  network->layers = prunable_layers(model);
  network->masks_epoch = masks_epoch(model);
  network->has_batch_norm = has_operator(model, OperatorTrait::batch_norm);
  const DatasetRequest& request = spec_.dataset.at(combination);
  config.dataset_name = dataset_label(request);
  if (!request.path.empty()) {
    // Pools are started elsewhere.
    config.dataset_path = std::make_shared<const std::string>(absolute_path(request.path).string());
  }
  network->keys = pick(spec_.train, combination);
  const auto recipe = make_train_recipe(network->keys, *dataset, spec_.train_place, problems_);
  if (!recipe) return nullptr;
  config.train = *recipe;
  if (!set_ranks(combination, config)) return nullptr;
  if (!check_last_batch(config.train, network->lone, config.model.name, dataset->train, spec_.train_place, problems_))
    return nullptr;
  config.retrain.name = default_name(list_retrains());
  config.variant = variant_of(spec_, combination, true);
  network->digest = TrialKeys().network(config);
  return network;
}

}  // namespace espalier
