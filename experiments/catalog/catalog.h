#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "experiments/catalog/granularity.h"
#include "experiments/catalog/properties.h"

namespace espalier {

// The tables of catalog/*.def as the light side reads them: names that a sweep may use, and what `espalier methods`
// prints. The worker expands criteria.def itself, into calls of its code.

enum class CriterionNeeds { needs_nothing, needs_data, needs_gradient, needs_example_gradients };
enum class CriterionScores {
  scores_weights,
  draws_scores,              ///< scores weights or units by random numbers, without reading the network
  scores_outputs,            ///< one score for each output of a layer
  scores_normed_outputs,     ///< the same, of layers that a batch norm takes
  scores_activated_outputs,  ///< the same, of layers that a ReLU takes
  repairs_weights            ///< scores weights, and changes those that stay
};

enum class CriterionRanks { across_layers, within_layers };  ///< where scores can be compared

// What is true of a variant, and decides what it is accepted with; the head of each table explains its properties.

enum class CriterionProperty : unsigned {
  plain = 0,
  initialization = 1U << 0,
  signed_scores = 1U << 1,
  unfolds_inputs = 1U << 2,
  feeds_ones = 1U << 3,
  no_patterns = 1U << 4
};

enum class ScheduleProperty : unsigned {
  plain = 0,
  is_default = 1U << 0,
  one_round = 1U << 1,
  takes_rate = 1U << 2,
  in_training = 1U << 3,
  takes_initial = 1U << 4,
  relative_initial = 1U << 5
};

enum class AllocationProperty : unsigned {
  plain = 0,
  is_default = 1U << 0,
  default_by_layer = 1U << 1,
  one_ranking = 1U << 2,
  by_curves = 1U << 3,
  by_row = 1U << 4,
  by_shape = 1U << 5,
  rescales_scores = 1U << 6,
  squares_scores = 1U << 7,
  fits_patterns = 1U << 8
};

enum class OptimizerProperty : unsigned { plain = 0, is_default = 1U << 0, takes_momentum = 1U << 1 };
enum class InitProperty : unsigned { plain = 0, is_default = 1U << 0, of_script = 1U << 1 };
enum class RetrainProperty : unsigned { plain = 0, is_default = 1U << 0 };
enum class DatasetProperty : unsigned { plain = 0, in_folder = 1U << 0, in_file = 1U << 1, generated = 1U << 2 };

struct CriterionEntry {
  std::string_view name;
  std::string_view formula;  ///< the score of a weight
  std::string_view paper;
  CriterionNeeds needs;
  CriterionScores scores;
  Reduction reduction;  ///< of a unit, where the sweep names none and it matters
  CriterionRanks ranks;
  std::int64_t epoch;        ///< of its definition (case_epoch.h)
  std::string_view options;  ///< as criteria.def explains them; options_of
  std::string_view about;
  CriterionProperty properties;
  /// Prunable weights of a network that it takes.
  std::int64_t most_weights = std::numeric_limits<std::int64_t>::max();
};

struct CatalogEntry {
  std::string_view name;
  std::string_view formula;  ///< "" where there is none
  std::string_view paper;    ///< "" where there is none
  std::string_view about;
};

template <JoinedProperty Property>
struct Variant : CatalogEntry {
  Property properties;
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
std::span<const Variant<ScheduleProperty>> list_schedules();
std::span<const Variant<AllocationProperty>> list_allocations();
std::span<const CatalogEntry> list_dialects();
std::span<const Variant<OptimizerProperty>> list_optimizers();
std::span<const Variant<InitProperty>> list_inits();
std::span<const Variant<RetrainProperty>> list_retrains();
std::span<const ModelEntry> list_models();
/// Names and sentences; whether their files exist is list_datasets of dataset.h.
std::span<const Variant<DatasetProperty>> list_dataset_names();

// Whether the variant of this name has the property. A name that the table lacks (as "table" of an allocation) has
// none.
bool has(std::string_view criterion, CriterionProperty property);
bool has(std::string_view schedule, ScheduleProperty property);
bool has(std::string_view allocation, AllocationProperty property);
bool has(std::string_view optimizer, OptimizerProperty property);
bool has(std::string_view init, InitProperty property);
bool has(std::string_view dataset, DatasetProperty property);

/// SHA-256 (hex) of every name that a sweep may use and of what it means here: two programs with one fingerprint read a
/// sweep alike.
std::string catalog_fingerprint();

struct CriterionOption {
  std::string name;
  double standard = 0, low = 0, high = 0;
  bool with_low = false, with_high = false;  ///< whether low and high are allowed themselves
  bool whole = false;
};
/// In the order of the table.
std::vector<CriterionOption> options_of(const CriterionEntry& criterion);

/// "name=default name=default"
std::string options_text(const CriterionEntry& criterion);
/// The options with their defaults.
std::map<std::string, double> default_options(const CriterionEntry& criterion);

/// Errors: ErrorKind::invalid_input for an unknown name, with the choices.
const CriterionEntry& find_criterion(std::string_view name);

/// The model called `name`, or the family it is of; its sizes are not checked. Errors: as find_criterion.
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

/// The names of those with the property.
template <typename Property>
std::vector<std::string> names_with(std::span<const Variant<Property>> entries, Property property) {
  std::vector<std::string> names;
  for (const Variant<Property>& entry : entries) {
    if (has(entry.properties, property)) names.emplace_back(entry.name);
  }
  return names;
}

/// The name of the one with the property. Errors: ErrorKind::internal if none has it.
template <typename Property>
std::string name_with(std::span<const Variant<Property>> entries, Property property) {
  const std::vector<std::string> names = names_with(entries, property);
  if (names.empty()) throw Error(ErrorKind::internal, "a table of the catalog has no entry for this purpose");
  return names.front();
}

/// What is meant where a sweep names none.
template <typename Property>
std::string default_name(std::span<const Variant<Property>> entries) {
  return name_with(entries, Property::is_default);
}

}  // namespace espalier
