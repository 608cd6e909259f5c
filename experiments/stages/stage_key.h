#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "experiments/stages/stage.h"

namespace espalier {

/// The key of stage.h: SHA-256 of the canonical JSON of epoch, inputs, kind, seed and spec. `spec` is the stage's
/// canonical JSON (stage_spec.h); `inputs` has each role at most once, in any order.
StageKey make_stage_key(StageKind kind, std::span<const std::pair<InputRole, StageKey>> inputs, std::uint64_t seed,
                        std::string_view spec);

/// The same; the text is written over `buffer`, which callers with many stages keep.
StageKey make_stage_key(StageKind kind, std::span<const std::pair<InputRole, StageKey>> inputs, std::uint64_t seed,
                        std::string_view spec, std::string& buffer);

}  // namespace espalier
