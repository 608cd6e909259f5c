#include "orchestrator/commands/comparison_output.h"

#include "analysis/comparison/comparison.h"
#include "analysis/comparison/comparison_report.h"
#include "db/read/store_reader.h"

namespace espalier {

void print_comparison(std::ostream& out, const std::string& store, const std::string& sweep, OutputFormat format) {
  ResultFilter filter;
  filter.sweep = sweep;
  const std::vector<ResultRow> rows = StoreReader(store).results(filter, Which::all);
  out << render_comparison(compare_results(rows), format);
}

}  // namespace espalier
