#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/orchestrator/scheduler/core_property_world.h"

namespace espalier {

// What must hold whatever happened. Each returns "" or which rule is broken.

/// Before `number`, an attempt of the world's, came to its ranks.
std::string broken_by_sending(const World& world, const Core& core, std::uint64_t number);
/// Of what one call of the core sent, in its order: nothing that is more urgent waits for it.
std::string broken_by_the_order_of(const World& world, const Core& core, const std::vector<std::uint64_t>& sent);
/// A failure is charged to the stage, and does, or does not, use its budget up.
std::string broken_by_charging(const World& world, const StageKey& key, LossCause cause, bool quarantined);
/// When a sweep has all its results.
std::string broken_by_ending(const World& world, const Core& core, const WorldSweep& sweep);
/// After each event.
std::string broken_at_rest(const World& world, const Core& core);

}  // namespace espalier
