#pragma once

#include <string_view>

namespace espalier {

/// Opens /dev/null for each of standard input, output and error that whoever started us closed: the next file that is
/// opened would have its number, and be printed into. To be called first.
void open_closed_standard_files();

/// Whether whoever read our standard output has gone (`| head -1`).
bool output_reader_is_gone();

/// Flushes std::cout. Whether something that was printed is lost though somebody wanted it (the disk behind it is full,
/// say), which `program` then says on standard error.
bool output_was_lost(std::string_view program);

}  // namespace espalier
