#pragma once

#include "experiments/graph/stage_table.h"

namespace espalier {

/// Where a trajectory (equal origin, masks, recipe and seed) is needed at several steps, lets each later state resume
/// from the one before: resume_from, keep_resume_state, steps and cost are set.
void link_trajectories(const SpecTable& specs, StageTable& stages);

/// Renumbers the stages so that inputs and resume_from come before their users, changing as little as possible.
void order_stages(StageGraph& graph);

}  // namespace espalier
