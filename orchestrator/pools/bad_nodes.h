#pragma once

#include <map>
#include <string>
#include <vector>

#include "db/read/store_reader.h"
#include "db/rows/failure_row.h"

namespace espalier {

/// Hosts to exclude from a new pool: several different jobs crashed there in the last hour, as many as would have a
/// coordinator set the node aside (orchestrator/scheduler/node_health.h), more than finished there (`finished`: by
/// host, in that hour), and were done since. A job that crashes everywhere does not count. Pure.
std::vector<std::string> bad_hosts(const std::vector<ChargedFailureRow>& failures,
                                   const std::map<std::string, std::int64_t>& finished, double now);

/// Those of all sweeps of a store. Errors: those of the reader.
std::vector<std::string> find_bad_hosts(const StoreReader& store, double now);

}  // namespace espalier
