#pragma once

#include <string>

#include "cluster/launch/batch_request.h"

namespace espalier {

/// The script that `sbatch` or `qsub` is given. It holds no secret, and every text of the request is checked and
/// quoted: see experiments/pools/pool_words.h. Pure. Errors: ErrorKind::invalid_input for what must not stand in a
/// script, for what the scheduler cannot do, and for a time that leaves none between two checkpoints.
std::string batch_script(const BatchRequest& request);

/// `text` as one word of a shell, whatever is in it.
std::string shell_quoted(const std::string& text);

}  // namespace espalier
