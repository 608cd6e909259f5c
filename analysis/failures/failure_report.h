#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

#include "analysis/failures/failure_groups.h"

namespace espalier {

struct FailureReportOptions {
  std::string store_option;  ///< " --store DIR" for the commands that are suggested; "" for the default store
  bool verbose = false;      ///< whole backtraces and logs, and every stage of a group
};

/// What `espalier failures` prints of one sweep: groups with what is bad, an example of each and what to do next; then
/// what diverged; then how many trials have no result. Control characters of logs are not passed on to the terminal.
std::string render_failures(const std::string& sweep, const FailureEvidence& evidence,
                            const FailureReportOptions& options);

/// The same as an object, with everything. Texts may hold bytes that are not UTF-8: dump it with
/// error_handler_t::replace.
nlohmann::ordered_json failures_json(const std::string& sweep, const FailureEvidence& evidence);

}  // namespace espalier
