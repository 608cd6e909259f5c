#include "experiments/catalog/catalog.h"

#include <algorithm>
#include <sstream>

#include <fmt/format.h>

#include "base/sha256.h"
#include "base/suggest.h"

namespace espalier {
namespace {

// A function each: tables share the names of properties.

constexpr auto criterion_table() {
  using enum CriterionNeeds;
  using enum CriterionRanks;
  using enum CriterionScores;
  using enum CriterionProperty;
  return std::to_array<CriterionEntry>({
#define ESPALIER_CRITERION(name, formula, paper, needs, scores, reduction, ranks, epoch, options, about, ...) \
  {#name, formula, paper, needs, scores, Reduction::reduction, ranks, epoch, options, about, __VA_ARGS__},
#include "experiments/catalog/criteria.def"
#undef ESPALIER_CRITERION
  });
}
constexpr auto kCriteria = criterion_table();

constexpr auto schedule_table() {
  using enum ScheduleProperty;
  return std::to_array<Variant<ScheduleProperty>>({
#define ESPALIER_SCHEDULE(name, formula, paper, about, properties) {{#name, formula, paper, about}, properties},
#include "experiments/catalog/schedules.def"
#undef ESPALIER_SCHEDULE
  });
}
constexpr auto kSchedules = schedule_table();

constexpr auto allocation_table() {
  using enum AllocationProperty;
  return std::to_array<Variant<AllocationProperty>>({
#define ESPALIER_ALLOCATION(name, formula, paper, about, properties) {{#name, formula, paper, about}, properties},
#include "experiments/catalog/allocations.def"
#undef ESPALIER_ALLOCATION
  });
}
constexpr auto kAllocations = allocation_table();

constexpr CatalogEntry kDialects[] = {
#define ESPALIER_DIALECT(name, formula, source, about) {#name, formula, source, about},
#include "experiments/catalog/dialects.def"
#undef ESPALIER_DIALECT
};

constexpr auto optimizer_table() {
  using enum OptimizerProperty;
  return std::to_array<Variant<OptimizerProperty>>({
#define ESPALIER_OPTIMIZER(name, formula, paper, about, properties) {{#name, formula, paper, about}, properties},
#include "experiments/catalog/optimizers.def"
#undef ESPALIER_OPTIMIZER
  });
}
constexpr auto kOptimizers = optimizer_table();

constexpr auto init_table() {
  using enum InitProperty;
  return std::to_array<Variant<InitProperty>>({
#define ESPALIER_INIT(name, formula, paper, properties) {{#name, formula, paper, ""}, properties},
#include "experiments/catalog/inits.def"
#undef ESPALIER_INIT
  });
}
constexpr auto kInits = init_table();

constexpr auto retrain_table() {
  using enum RetrainProperty;
  return std::to_array<Variant<RetrainProperty>>({
#define ESPALIER_RETRAIN(name, formula, paper, about, properties) {{#name, formula, paper, about}, properties},
#include "experiments/catalog/retrains.def"
#undef ESPALIER_RETRAIN
  });
}
constexpr auto kRetrains = retrain_table();

constexpr std::array<std::int64_t, 3> kMnist{1, 28, 28}, kCifar{3, 32, 32};
constexpr ModelEntry kModels[] = {
#define ESPALIER_MODEL(suffix, name, sizes, images, about, paper) {name, sizes, images, paper, about},
#include "experiments/catalog/models.def"
#undef ESPALIER_MODEL
};

constexpr auto dataset_table() {
  using enum DatasetProperty;
  return std::to_array<Variant<DatasetProperty>>({
#define ESPALIER_DATASET(suffix, name, about, properties) {{name, "", "", about}, properties},
#include "experiments/catalog/datasets.def"
#undef ESPALIER_DATASET
  });
}
constexpr auto kDatasets = dataset_table();

bool entry_has(const auto& entries, std::string_view name, auto property) {
  const auto entry = std::ranges::find(entries, name, [](const auto& one) { return one.name; });
  return entry != entries.end() && has(entry->properties, property);
}

}  // namespace

std::span<const CriterionEntry> list_criteria() {
  return kCriteria;
}
std::span<const Variant<ScheduleProperty>> list_schedules() {
  return kSchedules;
}
std::span<const Variant<AllocationProperty>> list_allocations() {
  return kAllocations;
}
std::span<const CatalogEntry> list_dialects() {
  return kDialects;
}
std::span<const Variant<OptimizerProperty>> list_optimizers() {
  return kOptimizers;
}
std::span<const Variant<InitProperty>> list_inits() {
  return kInits;
}
std::span<const Variant<RetrainProperty>> list_retrains() {
  return kRetrains;
}
std::span<const ModelEntry> list_models() {
  return kModels;
}
std::span<const Variant<DatasetProperty>> list_dataset_names() {
  return kDatasets;
}

bool has(std::string_view criterion, CriterionProperty property) {
  return entry_has(kCriteria, criterion, property);
}
bool has(std::string_view schedule, ScheduleProperty property) {
  return entry_has(kSchedules, schedule, property);
}
bool has(std::string_view allocation, AllocationProperty property) {
  return entry_has(kAllocations, allocation, property);
}
bool has(std::string_view optimizer, OptimizerProperty property) {
  return entry_has(kOptimizers, optimizer, property);
}
bool has(std::string_view init, InitProperty property) {
  return entry_has(kInits, init, property);
}
bool has(std::string_view dataset, DatasetProperty property) {
  return entry_has(kDatasets, dataset, property);
}

std::vector<CriterionOption> options_of(const CriterionEntry& criterion) {
  std::vector<CriterionOption> options;
  std::istringstream text{std::string(criterion.options)};
  CriterionOption option;
  std::string kind;
  char left = 0, comma = 0, right = 0;
  while (std::getline(text >> std::ws, option.name, '=') &&
         text >> option.standard >> kind >> left >> option.low >> comma >> option.high >> right) {
    option.whole = kind == "whole";
    option.with_low = left == '[';
    option.with_high = right == ']';
    options.push_back(option);
  }
  return options;
}

std::string options_text(const CriterionEntry& criterion) {
  std::string text;
  for (const CriterionOption& option : options_of(criterion))
    text += fmt::format("{}{}={}", text.empty() ? "" : " ", option.name, option.standard);
  return text;
}

std::map<std::string, double> default_options(const CriterionEntry& criterion) {
  std::map<std::string, double> options;
  for (const CriterionOption& option : options_of(criterion)) options.emplace(option.name, option.standard);
  return options;
}

const CriterionEntry& find_criterion(std::string_view name) {
  for (const CriterionEntry& entry : kCriteria) {
    if (entry.name == name) return entry;
  }
  throw Error(ErrorKind::invalid_input, "criterion: " + unknown_name(name, catalog_names(list_criteria())));
}

const ModelEntry& find_model(std::string_view name) {
  for (const ModelEntry& entry : kModels) {
    if (name == entry.name) return entry;
    const bool sized = name.starts_with(entry.name) && name.substr(entry.name.size()).starts_with('-');
    if (sized && !entry.sizes.empty()) return entry;
  }
  throw Error(ErrorKind::invalid_input, "model: " + unknown_name(name, catalog_names(list_models())));
}

std::string catalog_fingerprint() {
  std::string text;
  const auto add = [&](std::initializer_list<std::string_view> fields) {
    for (const std::string_view field : fields) text.append(field).push_back('\n');
  };
  for (const CriterionEntry& one : list_criteria())
    add({"criterion", one.name, one.formula, to_string(one.reduction), options_text(one)});
  for (const ModelEntry& one : list_models()) add({"model", one.name, one.sizes});
  const auto add_table = [&](const auto& entries) {
    add({"table"});
    for (const CatalogEntry& one : entries) add({one.name, one.formula});
  };
  add_table(list_schedules());
  add_table(list_allocations());
  add_table(list_dialects());
  add_table(list_optimizers());
  add_table(list_inits());
  add_table(list_retrains());
  add_table(list_dataset_names());
  return to_hex(sha256(text));
}

}  // namespace espalier
