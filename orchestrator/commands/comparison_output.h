#pragma once

#include <ostream>
#include <string>

#include "analysis/text/output_format.h"

namespace espalier {

/// Reads a store and prints its comparison. `sweep`: a label, or "" for every sweep.
/// Errors: those of StoreReader.
void print_comparison(std::ostream& out, const std::string& store, const std::string& sweep, OutputFormat format);

}  // namespace espalier
