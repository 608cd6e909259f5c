#include "analysis/plots/plot_source.h"

#include <utility>

#include "db/read/trial_query.h"

namespace espalier {

PlotSource::PlotSource(std::filesystem::path store, std::string sweep)
    : store_(std::move(store)), sweep_(std::move(sweep)), reader_(store_) {}

const std::vector<ResultRow>& PlotSource::results() {
  if (!std::exchange(has_results_, true)) {
    ResultFilter filter;
    filter.sweep = sweep_;
    results_ = reader_.results(filter, Which::all);
  }
  return results_;
}

const Comparison& PlotSource::comparison() {
  if (!std::exchange(has_comparison_, true)) comparison_ = compare_results(results());
  return comparison_;
}

std::vector<MetricPoint> PlotSource::curves(const std::string& trial_key) const {
  return reader_.metrics(find_trial_network(store_, trial_key).weights_stage);
}

}  // namespace espalier
