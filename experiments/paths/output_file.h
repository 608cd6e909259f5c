#pragma once

#include <filesystem>
#include <optional>
#include <string_view>
#include <vector>

#include "base/draft_file.h"

namespace espalier {

enum class Overwrite { refuse, allow };

/// What a command may not write over, where its user names the files to write.
struct OutputRules {
  Overwrite overwrite = Overwrite::refuse;
  std::filesystem::path store;                ///< the command's
  std::vector<std::filesystem::path> inputs;  ///< what it reads itself; "" counts for nothing
};

/// Whether that is the system's name of what this process prints on: /dev/stdout, /dev/fd/1.
bool is_standard_output(const std::filesystem::path& named);

/// Checks all files that a command is to write, before it writes any: `""` counts for nothing. They are what they
/// name: symbolic links are followed.
/// Errors: ErrorKind::invalid_input for a folder, a block device or a socket; for a file that is there, unless it may
/// be overwritten, or is what our shell opened for us (/dev/stdout, /dev/fd/N); for a place in a store (this one, or
/// any folder that holds one), for one of the inputs, for a folder that is not there or that we may not write in, and
/// for one place named twice, whatever may be overwritten.
void check_outputs(const std::vector<std::filesystem::path>& outputs, const OutputRules& rules);

/// A file that a user named, after check_outputs. Where that is a device, a pipe, or a file that is open already
/// (/dev/stdout), it gets the bytes; another regular file is replaced when all of them are there, or not at all, and a
/// symbolic link goes on pointing at it.
class OutputFile {
 public:
  /// `mode`: as DraftFile. Errors: those of check_outputs for the kind of file, and of throw_file_error.
  explicit OutputFile(const std::filesystem::path& named, unsigned mode = 0644);

  /// What to write meanwhile, for a library or a program that does it by name: a file that is there, and empty.
  const std::filesystem::path& path() const { return draft_->path(); }
  void write(std::string_view bytes) { draft_->write(bytes); }
  /// Call it once. Opening a pipe blocks until it has a reader. Errors: those of throw_file_error.
  void put();

 private:
  std::optional<std::filesystem::path> through_;  ///< a device, a pipe, or what is open already
  std::optional<DraftFile> draft_;
};

/// All of it at once.
void write_output(const std::filesystem::path& named, std::string_view bytes, unsigned mode = 0644);

}  // namespace espalier
