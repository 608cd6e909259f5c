#pragma once

#include <string>
#include <vector>

#include "db/failure_row.h"
#include "db/store_reader.h"

namespace espalier {

/// Hosts on which several different jobs crashed in the last hour, and fewer finished: what a coordinator would set
/// aside (orchestrator/node_health.h), remembered for as long as a pool may wait in a queue. Pure.
std::vector<std::string> bad_hosts(const std::vector<ChargedFailureRow>& failures, const std::vector<HostWorkRow>& work,
                                   double now);

/// Those of all sweeps of a store. Errors: those of the reader.
std::vector<std::string> find_bad_hosts(const StoreReader& store, double now);

}  // namespace espalier
