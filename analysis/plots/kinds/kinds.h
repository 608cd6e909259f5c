#pragma once

#include "analysis/plots/picture.h"
#include "analysis/plots/plot_source.h"

namespace espalier {

#define ESPALIER_PLOT(name, shows) Picture draw_##name(PlotSource& source);
#include "analysis/plots/plots.def"
#undef ESPALIER_PLOT

}  // namespace espalier
