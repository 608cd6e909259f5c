#pragma once

namespace espalier {

/// From now on, writing to a pipe or connection without a reader is an error of that write, and not the end of the
/// process: `espalier run ... | head -1` goes on without its lines. Programs that we start are not affected. Call once,
/// before threads start.
void survive_broken_pipes();

}  // namespace espalier
