#include "experiments/expand/scope_ratios.h"

#include <algorithm>
#include <string>

#include <fmt/format.h>

#include "base/suggest.h"
#include "experiments/expand/name_patterns.h"

namespace espalier {
namespace {

/// What a pattern may fit: the scope itself, and layers that lose outputs with it.
std::vector<std::string> names_in(const PruneScope& scope) {
  std::vector<std::string> names{scope.name};
  for (const ScopeMember& member : scope.members) {
    if (member.part != ScopeMember::Part::outputs) continue;
    if (std::ranges::find(names, member.layer) == names.end()) names.push_back(member.layer);
  }
  return names;
}

bool fits_any(const LayerShare& ratio, const std::vector<std::string>& names) {
  return std::ranges::any_of(names, [&](const std::string& name) { return fits_pattern(ratio.layer, name); });
}

void report_unused(const RatioSetting& ratios, const std::vector<PruneScope>& scopes,
                   const std::vector<PrunableLayer>& layers, std::string_view units, Problems& problems) {
  std::vector<std::string> pruned, all;
  for (const PruneScope& scope : scopes)
    for (std::string& name : names_in(scope))
      if (std::ranges::find(pruned, name) == pruned.end()) pruned.push_back(std::move(name));
  for (const PrunableLayer& layer : layers) all.push_back(layer.name);
  for (const LayerShare& ratio : ratios.layers) {
    if (fits_any(ratio, pruned)) continue;
    problems.add(ratio.place,
                 fits_any(ratio, all)
                     ? fmt::format("\"{}\" fits layers whose {} stay anyway (protected, or of no use to the method); "
                                   "leave it out",
                                   ratio.layer, units)
                     : "the model has no such layer: " + unknown_name(ratio.layer, pruned));
  }
}

}  // namespace

std::vector<std::optional<double>> scope_ratios(const RatioSetting& ratios, const std::vector<PruneScope>& scopes,
                                                const std::vector<PrunableLayer>& layers, std::string_view units,
                                                Problems& problems) {
  report_unused(ratios, scopes, layers, units, problems);
  std::vector<std::optional<double>> found;
  for (const PruneScope& scope : scopes) {
    std::optional<double>& ratio = found.emplace_back();
    const LayerShare* holds = nullptr;
    std::string holder;
    for (const std::string& name : names_in(scope)) {
      const LayerShare* last = nullptr;
      for (const LayerShare& one : ratios.layers)
        if (fits_pattern(one.layer, name)) last = &one;
      if (last == nullptr) continue;
      if (holds != nullptr && holds->share != last->share) {
        problems.add(last->place,
                     fmt::format("{} and {} lose their {} together, and have ratios {:.6g} (\"{}\") and {:.6g} "
                                 "(\"{}\"); give them one",
                                 holder, name, units, holds->share, holds->layer, last->share, last->layer));
        break;
      }
      holds = last;
      holder = name;
      ratio = last->share;
    }
  }
  return found;
}

}  // namespace espalier
