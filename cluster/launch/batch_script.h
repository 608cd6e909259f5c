#pragma once

#include <string>

#include "cluster/launch/batch_request.h"

namespace espalier {

/// The script for `sbatch` or `qsub`. It holds no secret, and every text of the request is checked and quoted: see
/// experiments/pools/pool_words.h. Pure. Errors: ErrorKind::invalid_input for text that is not allowed in a script, for
/// options that the scheduler lacks, and for a time limit too short for a checkpoint.
std::string batch_script(const BatchRequest& request);

/// `text` quoted as one shell word.
std::string shell_quoted(const std::string& text);

}  // namespace espalier
