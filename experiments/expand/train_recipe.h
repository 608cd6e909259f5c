#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "experiments/diagnostics/problems.h"
#include "experiments/models/model_description.h"
#include "experiments/spec/sweep_spec.h"

namespace espalier {

/// The last batch of an epoch is the remainder: ceil(examples / batch_size).
std::int64_t steps_per_epoch(std::int64_t train_examples, std::int64_t batch_size);

/// The keys as they are for one combination.
TrainKeys<Maybe> pick(const TrainKeys<Choices>& keys, const Combination& combination);

/// Fills in defaults and turns epochs into steps. Nothing after reporting what does not fit (`place` is that of the
/// recipe). Defaults: optimizer sgd, momentum 0, weight_decay 0, batch_size 128, lr_schedule constant, no warmup,
/// eval_every an epoch, no augmentation.
std::optional<TrainRecipe> make_train_recipe(const TrainKeys<Maybe>& keys, const DatasetSpec& dataset,
                                             const KeyPlace& place, Problems& problems);

/// The last batch of an epoch may have one example, or all have. Warns if the network has batch norms; false after
/// reporting that it cannot be trained on such a batch.
bool check_last_batch(const TrainRecipe& recipe, const LoneExample& network, const std::string& model,
                      std::int64_t train_examples, const KeyPlace& place, Problems& problems);

/// Lets `ranks` share its batches. False after reporting a batch size that they cannot share equally.
bool share_batches(TrainRecipe& recipe, std::int64_t ranks, const KeyPlace& place, Problems& problems);

/// The learning rate at the last step. None for cosine, which ends near zero.
std::optional<double> last_learning_rate(const TrainRecipe& recipe);

/// The same training over `factor` times as many steps: milestones and warmup are stretched with it.
TrainRecipe stretched(TrainRecipe recipe, double factor);

/// What `finetune` leaves out is the training's: optimizer, momentum, weight decay, batch size, evaluation,
/// augmentation, ranks; and its last learning rate. Schedule and warmup are not inherited.
std::optional<TrainRecipe> make_finetune_recipe(TrainKeys<Maybe> keys, const TrainKeys<Maybe>& train_keys,
                                                const TrainRecipe& train, const DatasetSpec& dataset,
                                                const KeyPlace& place, Problems& problems);

}  // namespace espalier
