#include "experiments/output_file.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

#include "base/error.h"
#include "base/file_error.h"
#include "experiments/store_around.h"

namespace espalier {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kCopyBytes = std::size_t{1} << 20;

[[noreturn]] void refuse_output(const fs::path& path, const std::string& why) {
  throw Error(ErrorKind::invalid_input, path.string() + ": " + why);
}

bool is_same_file(const fs::path& a, const fs::path& b) {
  std::error_code missing;
  return fs::equivalent(a, b, missing) || plain_path(a) == plain_path(b);
}

bool is_written_through(const struct stat& status) {
  return S_ISCHR(status.st_mode) || S_ISFIFO(status.st_mode);
}

/// None if nothing is there. Refuses what no output can be written to.
std::optional<struct stat> look_at_output(const fs::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    if (errno == ENOENT) return std::nullopt;
    throw_file_error(path, "looking at it", errno);
  }
  if (S_ISDIR(status.st_mode)) refuse_output(path, "is a folder; name the file to write");
  if (!S_ISREG(status.st_mode) && !is_written_through(status))
    refuse_output(path, "is a socket or a disk, which we do not write; name a file");
  return status;
}

void check_output(const fs::path& path, const OutputRules& rules) {
  if (path.filename().empty()) refuse_output(path, "is a folder; name the file to write");
  const auto status = look_at_output(path);
  if (status && is_written_through(*status)) return;
  if (const fs::path store = store_around(plain_path(path), rules.store); !store.empty())
    refuse_output(path, "lies in the store " + store.string() + ", whose files are its own; name another place");
  for (const fs::path& input : rules.inputs) {
    if (!input.empty() && is_same_file(path, input))
      refuse_output(path, "is what this command reads; name another file to write");
  }
  if (status && rules.overwrite == Overwrite::refuse)
    refuse_output(path, "is there already; name another file, or give --force to replace it");
}

void copy_into(const fs::path& from, const fs::path& device) {
  const int out = ::open(device.c_str(), O_WRONLY | O_NOCTTY | O_CLOEXEC);
  if (out < 0) throw_file_error(device, "opening it", errno);
  const int in = ::open(from.c_str(), O_RDONLY | O_CLOEXEC);
  std::string piece(kCopyBytes, '\0');
  ssize_t count = in < 0 ? -1 : 0;
  try {
    while (in >= 0 && (count = ::read(in, piece.data(), piece.size())) > 0)
      write_to(out, std::string_view(piece).substr(0, static_cast<std::size_t>(count)), device);
    if (count < 0) throw_file_error(from, "reading it again", errno);
  } catch (...) {
    ::close(in);
    ::close(out);
    throw;
  }
  ::close(in);
  if (::close(out) != 0) throw_file_error(device, "writing", errno);
}

}  // namespace

void check_outputs(const std::vector<fs::path>& outputs, const OutputRules& rules) {
  for (auto one = outputs.begin(); one != outputs.end(); ++one) {
    if (one->empty()) continue;
    check_output(*one, rules);
    std::error_code missing;
    if (fs::is_character_file(*one, missing)) continue;  // nothing is lost there
    const auto same = std::find_if(outputs.begin(), one,
                                   [&](const fs::path& other) { return !other.empty() && is_same_file(*one, other); });
    if (same != one) refuse_output(*one, "is to be written twice; name another file for one of them");
  }
}

OutputFile::OutputFile(const fs::path& named, unsigned mode) {
  const auto status = look_at_output(named);
  if (status && is_written_through(*status)) {
    device_ = named;
    draft_.emplace(fs::temp_directory_path() / "espalier-output", 0600);
  } else {
    draft_.emplace(follow_links(named), mode);
  }
}

void OutputFile::put() {
  if (!device_) return draft_->put();
  copy_into(draft_->path(), *device_);
  draft_.reset();
}

void write_output(const fs::path& named, std::string_view bytes, unsigned mode) {
  OutputFile file(named, mode);
  file.write(bytes);
  file.put();
}

}  // namespace espalier
