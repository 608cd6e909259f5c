#pragma once

#include <string_view>

namespace espalier {

/// Opens /dev/null for each of standard input, output and error that our parent process closed: the next file that is
/// opened would have its number, and be printed into. To be called first.
void open_closed_standard_files();

/// Whether the reader of our standard output has closed it (`| head -1`).
bool output_reader_is_gone();

/// Flushes std::cout. Returns whether output was lost although its reader is open (such as on a full disk); `program`
/// then reports that on standard error.
bool output_was_lost(std::string_view program);

}  // namespace espalier
