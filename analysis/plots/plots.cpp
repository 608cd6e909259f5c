#include "analysis/plots/plots.h"

#include <algorithm>

#include "analysis/plots/kinds/kinds.h"
#include "base/error.h"
#include "base/suggest.h"

namespace espalier {

const std::vector<PlotKind>& plot_kinds() {
  static const std::vector<PlotKind> kKinds{
#define ESPALIER_PLOT(name, shows) {#name, shows, draw_##name},
#include "analysis/plots/plots.def"
#undef ESPALIER_PLOT
  };
  return kKinds;
}

const PlotKind& find_plot_kind(const std::string& name) {
  std::vector<std::string> choices;
  for (const PlotKind& kind : plot_kinds()) {
    if (kind.name == name) return kind;
    choices.emplace_back(kind.name);
  }
  throw Error(ErrorKind::invalid_input, "plot: " + unknown_name(name, choices));
}

}  // namespace espalier
