#pragma once

#include <filesystem>
#include <iosfwd>
#include <vector>

namespace espalier {

/// Where a command says what it wrote: standard output, unless that is one of the files it wrote, whose readers want
/// nothing else in it. Then standard error.
std::ostream& told_beside(const std::vector<std::filesystem::path>& outputs);

}  // namespace espalier
