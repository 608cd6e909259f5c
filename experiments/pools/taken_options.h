#pragma once

#include <string>
#include <string_view>

#include "experiments/pools/pool_profile.h"

namespace espalier {

// Which options of a scheduler and of a launcher a profile may not give: those that a pool's script gives itself, of
// which the later would silently win, and those with which it would run as another user, elsewhere, without its
// environment, or not at all. Each answers why not, or "". Pure.

/// An option of the scheduler. `name`: `--uid`, or an abbreviation, which Slurm takes; `-l` of PBS. `value`: what
/// follows it, or "".
std::string why_no_extra(Scheduler scheduler, const std::string& name, std::string_view value);
/// A word for mpirun or srun, with its value behind a `=` if it has one there. Separate values are not included.
std::string why_no_launcher_option(std::string_view word);

}  // namespace espalier
