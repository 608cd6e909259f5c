#pragma once

#include <string>

#include "analysis/failures/failure_groups.h"
#include "db/read/store_reader.h"

namespace espalier {

/// Reads what a store knows of a sweep's failures; of very many failures, the newest. Errors: those of StoreReader.
FailureEvidence read_failure_evidence(const StoreReader& reader, const std::string& sweep);

}  // namespace espalier
