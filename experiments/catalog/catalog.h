#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/catalog/granularity.h"

namespace espalier {

// The tables of catalog/*.def as the light side reads them: names that a sweep may use, and what `espalier methods`
// prints. The worker expands criteria.def itself, into calls of its code.

enum class CriterionNeeds { needs_nothing, needs_data, needs_gradient, needs_example_gradients };
enum class CriterionScores {
  scores_weights,
  draws_scores,              ///< scores weights or units by random numbers, without a look at the network
  scores_outputs,            ///< one score for each output of a layer
  scores_normed_outputs,     ///< the same, of layers that a batch norm takes
  scores_activated_outputs,  ///< the same, of layers that a ReLU takes
  repairs_weights            ///< scores weights, and changes those that stay
};

enum class CriterionRanks { across_layers, within_layers };  ///< where scores can be compared

/// The state of a network that a criterion was made to score.
enum class CriterionMoment { any, initialization };

struct CriterionEntry {
  std::string_view name;
  std::string_view formula;  ///< the score of a weight
  std::string_view paper;
  CriterionNeeds needs;
  CriterionScores scores;
  Reduction reduction;  ///< of a unit, where the sweep names none and it matters
  CriterionRanks ranks;
  std::int64_t epoch;        ///< of its definition (case_epoch.h)
  std::string_view options;  ///< "name=default name=default"
  std::string_view about;
  CriterionMoment moment = CriterionMoment::any;
};

struct CatalogEntry {
  std::string_view name;
  std::string_view formula;  ///< "" where there is none
  std::string_view paper;    ///< "" where there is none
  std::string_view about;
};

/// A model, or a family of models that differ in sizes, which are part of the name: mlp-512-256.
struct ModelEntry {
  std::string_view name;
  std::string_view sizes;              ///< of a family: an example of what follows the name, "-512-256"; else ""
  std::array<std::int64_t, 3> images;  ///< what the papers feed it: channels, height, width of MNIST or CIFAR-10
  std::string_view paper;
  std::string_view about;
};

std::span<const CriterionEntry> list_criteria();
std::span<const CatalogEntry> list_schedules();
std::span<const CatalogEntry> list_allocations();
std::span<const CatalogEntry> list_dialects();
std::span<const CatalogEntry> list_optimizers();
std::span<const CatalogEntry> list_inits();
std::span<const CatalogEntry> list_retrains();
std::span<const ModelEntry> list_models();
/// Names and sentences; whether their files are there is list_datasets of dataset.h.
std::span<const CatalogEntry> list_dataset_names();

/// SHA-256 (hex) of every name that a sweep may use and of what it means here: two programs with one fingerprint read a
/// sweep alike.
std::string catalog_fingerprint();

/// The options with their defaults.
std::map<std::string, double> default_options(const CriterionEntry& criterion);

/// Errors: ErrorKind::invalid_input for an unknown name, with the choices.
const CriterionEntry& find_criterion(std::string_view name);

/// The model called `name`, or the family it is of; its sizes are not looked at. Errors: as find_criterion.
const ModelEntry& find_model(std::string_view name);

template <typename Entry>
std::vector<std::string> catalog_names(std::span<const Entry> entries) {
  std::vector<std::string> names;
  for (const Entry& entry : entries) names.emplace_back(entry.name);
  return names;
}

/// "a, b, c": the names, for messages.
template <typename Entry>
std::string catalog_list(std::span<const Entry> entries) {
  std::string text;
  for (const Entry& entry : entries) text += (text.empty() ? "" : ", ") + std::string(entry.name);
  return text;
}

}  // namespace espalier
