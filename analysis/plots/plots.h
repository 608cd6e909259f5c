#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "analysis/plots/picture.h"
#include "analysis/plots/plot_source.h"

namespace espalier {

struct PlotKind {
  std::string_view name;
  std::string_view shows;
  Picture (*draw)(PlotSource& source);  ///< without a panel where there is nothing to show
};

/// Those of plots.def, in its order.
const std::vector<PlotKind>& plot_kinds();
/// Errors: ErrorKind::invalid_input for a name that none has, with the choices.
const PlotKind& find_plot_kind(const std::string& name);

}  // namespace espalier
