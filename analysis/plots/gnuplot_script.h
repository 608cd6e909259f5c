#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "analysis/plots/picture.h"

namespace espalier {

/// The ends of files that gnuplot writes here: "svg", "png", "pdf".
const std::vector<std::string>& picture_formats();

/// What gnuplot (5.2 or newer) draws the picture by, to its standard output. Texts are in single quotes, in which
/// gnuplot neither runs nor replaces anything. Colors are Okabe and Ito's (2008), which the color-blind tell apart;
/// each series has a dash and a mark of its own besides. `format` is one of picture_formats().
std::string gnuplot_script(const Picture& picture, std::string_view format);

}  // namespace espalier
