#pragma once

#include <string>

#include "experiments/stages/stage_spec.h"

namespace espalier {

/// The name of the RandomStream that masks are drawn from, of PruneSpec::draw or ShuffleSpec::draw.
inline std::string mask_stream(const std::string& draw) {
  return draw.empty() || draw == kSharedDraw ? "mask" : "mask/" + draw;
}

}  // namespace espalier
