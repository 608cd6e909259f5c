#include "analysis/masks/sweep_overlaps.h"

#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "experiments/paths/store_paths.h"

namespace espalier {
namespace {

constexpr std::size_t kMostPairs = 20'000;
constexpr std::uintmax_t kLargestArtifact = std::uintmax_t{4} << 30;

auto place_of(const TrialMasksRow& row) {
  return std::tie(row.dataset, row.model, row.variant, row.pruned_at_step, row.sparsity_target);
}

auto configuration_of(const TrialMasksRow& row) {
  return std::tie(row.method, row.criterion, row.granularity, row.allocation, row.schedule, row.rounds, row.retrain,
                  row.control, row.rate);
}

/// "" for a pair that says nothing: another configuration and another seed.
std::string pairing_of(const TrialMasksRow& a, const TrialMasksRow& b) {
  const bool same_configuration = configuration_of(a) == configuration_of(b);
  if (a.seed == b.seed) return same_configuration ? "" : "method";
  return same_configuration ? "seed" : "";
}

MaskOverlapSide side_of(const TrialMasksRow& row, std::int64_t kept) {
  return {row.method,  row.granularity, row.allocation, row.schedule, row.rounds,
          row.control, row.seed,        row.trial,      kept,         row.rate};
}

struct LoadedTrial {
  const TrialMasksRow* row;
  PackedMask mask;
};

MaskOverlapRow make_row(const std::string& sweep, const std::string& pairing, const LoadedTrial& a,
                        const LoadedTrial& b) {
  const MaskOverlap overlap = compare_masks(a.mask, b.mask);
  MaskOverlapRow row;
  row.sweep = sweep;
  row.pairing = pairing;
  std::tie(row.dataset, row.model, row.variant, row.pruned_at_step, row.sparsity_target) = place_of(*a.row);
  row.a = side_of(*a.row, overlap.kept_a);
  row.b = side_of(*b.row, overlap.kept_b);
  row.kept_both = overlap.kept_both;
  row.jaccard = overlap.jaccard;
  row.chance = overlap.chance;
  row.corrected = overlap.corrected;
  return row;
}

}  // namespace

std::vector<MaskOverlapRow> compute_mask_overlaps(const std::string& sweep, const std::vector<TrialMasksRow>& trials,
                                                  const MaskSource& load) {
  std::vector<std::vector<const TrialMasksRow*>> groups;  // in the order of expansion
  std::map<decltype(place_of(trials.front())), std::size_t> group_of;
  for (const TrialMasksRow& trial : trials) {
    const auto [found, is_new] = group_of.try_emplace(place_of(trial), groups.size());
    if (is_new) groups.emplace_back();
    groups[found->second].push_back(&trial);
  }
  std::vector<MaskOverlapRow> rows;
  for (const auto& group : groups) {
    std::set<std::string> seen;
    std::vector<LoadedTrial> loaded;
    for (const TrialMasksRow* trial : group) {
      if (rows.size() >= kMostPairs) return rows;
      if (!seen.insert(trial->masks_key).second) continue;
      if (auto mask = load(trial->masks_key)) loaded.push_back({trial, std::move(*mask)});
    }
    for (std::size_t b = 1; b < loaded.size(); ++b) {
      for (std::size_t a = 0; a < b && rows.size() < kMostPairs; ++a) {
        const std::string pairing = pairing_of(*loaded[a].row, *loaded[b].row);
        if (!pairing.empty()) rows.push_back(make_row(sweep, pairing, loaded[a], loaded[b]));
      }
    }
  }
  return rows;
}

MaskSource artifact_masks(const std::filesystem::path& root) {
  return [paths = StorePaths{root}](const std::string& key) -> std::optional<PackedMask> {
    const std::filesystem::path path = paths.artifact(stage_key_from_hex(key));
    try {
      const std::string bytes = read_file(path, kLargestArtifact);
      return pack_mask(parse_safetensors(bytes, path.string()));
    } catch (const Error& error) {
      spdlog::warn("left out of the overlaps: {}", error.what());
      return std::nullopt;
    }
  };
}

}  // namespace espalier
