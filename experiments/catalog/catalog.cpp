#include "experiments/catalog/catalog.h"

#include <sstream>

#include "base/error.h"
#include "base/sha256.h"
#include "base/suggest.h"

namespace espalier {
namespace {

using enum CriterionNeeds;
using enum CriterionRanks;
using enum CriterionScores;

constexpr CriterionEntry kCriteria[] = {
#define ESPALIER_CRITERION(name, formula, paper, needs, scores, reduction, ranks, epoch, options, about, ...) \
  {#name,   formula,                                                                                          \
   paper,   needs,                                                                                            \
   scores,  Reduction::reduction,                                                                             \
   ranks,   epoch,                                                                                            \
   options, about __VA_OPT__(, CriterionMoment::) __VA_ARGS__},
#include "experiments/catalog/criteria.def"
#undef ESPALIER_CRITERION
};

constexpr CatalogEntry kSchedules[] = {
#define ESPALIER_SCHEDULE(name, formula, paper, about) {#name, formula, paper, about},
#include "experiments/catalog/schedules.def"
#undef ESPALIER_SCHEDULE
};

constexpr CatalogEntry kAllocations[] = {
#define ESPALIER_ALLOCATION(name, formula, paper, about) {#name, formula, paper, about},
#include "experiments/catalog/allocations.def"
#undef ESPALIER_ALLOCATION
};

constexpr CatalogEntry kDialects[] = {
#define ESPALIER_DIALECT(name, formula, source, about) {#name, formula, source, about},
#include "experiments/catalog/dialects.def"
#undef ESPALIER_DIALECT
};

constexpr CatalogEntry kOptimizers[] = {
#define ESPALIER_OPTIMIZER(name, formula, paper, about) {#name, formula, paper, about},
#include "experiments/catalog/optimizers.def"
#undef ESPALIER_OPTIMIZER
};

constexpr CatalogEntry kInits[] = {
#define ESPALIER_INIT(name, formula, paper) {#name, formula, paper, ""},
#include "experiments/catalog/inits.def"
#undef ESPALIER_INIT
};

constexpr CatalogEntry kRetrains[] = {
#define ESPALIER_RETRAIN(name, formula, paper, about) {#name, formula, paper, about},
#include "experiments/catalog/retrains.def"
#undef ESPALIER_RETRAIN
};

constexpr std::array<std::int64_t, 3> kMnist{1, 28, 28}, kCifar{3, 32, 32};
constexpr ModelEntry kModels[] = {
#define ESPALIER_MODEL(suffix, name, sizes, images, about, paper) {name, sizes, images, paper, about},
#include "experiments/catalog/models.def"
#undef ESPALIER_MODEL
};

constexpr CatalogEntry kDatasets[] = {
#define ESPALIER_DATASET(suffix, name, about) {name, "", "", about},
#include "experiments/catalog/datasets.def"
#undef ESPALIER_DATASET
};

}  // namespace

std::span<const CriterionEntry> list_criteria() {
  return kCriteria;
}
std::span<const CatalogEntry> list_schedules() {
  return kSchedules;
}
std::span<const CatalogEntry> list_allocations() {
  return kAllocations;
}
std::span<const CatalogEntry> list_dialects() {
  return kDialects;
}
std::span<const CatalogEntry> list_optimizers() {
  return kOptimizers;
}
std::span<const CatalogEntry> list_inits() {
  return kInits;
}
std::span<const CatalogEntry> list_retrains() {
  return kRetrains;
}
std::span<const ModelEntry> list_models() {
  return kModels;
}
std::span<const CatalogEntry> list_dataset_names() {
  return kDatasets;
}

std::map<std::string, double> default_options(const CriterionEntry& criterion) {
  std::map<std::string, double> options;
  std::istringstream words{std::string(criterion.options)};
  for (std::string word; words >> word;) {
    const std::size_t equals = word.find('=');
    options.emplace(word.substr(0, equals), std::stod(word.substr(equals + 1)));
  }
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
    add({"criterion", one.name, one.formula, to_string(one.reduction), one.options});
  for (const ModelEntry& one : list_models()) add({"model", one.name, one.sizes});
  for (const auto& table : {list_schedules(), list_allocations(), list_dialects(), list_optimizers(), list_inits(),
                            list_retrains(), list_dataset_names()}) {
    add({"table"});
    for (const CatalogEntry& one : table) add({one.name, one.formula});
  }
  return to_hex(sha256(text));
}

}  // namespace espalier
