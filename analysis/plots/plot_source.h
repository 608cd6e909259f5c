#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "analysis/comparison/comparison.h"
#include "db/read/store_reader.h"

namespace espalier {

/// What plots of a sweep are drawn from, read when it is asked for. Errors of every member: those of StoreReader.
class PlotSource {
 public:
  PlotSource(std::filesystem::path store, std::string sweep);

  const std::string& sweep() const { return sweep_; }
  const std::vector<ResultRow>& results();
  /// Points into results().
  const Comparison& comparison();
  std::vector<LatencyRow> latencies() const { return reader_.latencies(sweep_); }
  std::vector<LayerDensityRow> layers() const { return reader_.layer_densities(sweep_); }
  std::vector<MaskOverlapRow> overlaps() const { return reader_.mask_overlaps(sweep_); }
  /// The curves of a trial's last training; none if it was not trained.
  std::vector<MetricPoint> curves(const std::string& trial_key) const;

 private:
  std::filesystem::path store_;
  std::string sweep_;
  StoreReader reader_;
  bool has_results_ = false, has_comparison_ = false;
  std::vector<ResultRow> results_;
  Comparison comparison_;
};

}  // namespace espalier
