#include "experiments/paths/output_file.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <fcntl.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

#include "base/error.h"
#include "base/file_error.h"
#include "experiments/paths/store_around.h"

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

/// The descriptor that such a path names, /dev/stdout or /dev/fd/7; -1 if it names none. What it has been redirected to
/// was opened, and truncated or not, by the process that started us.
int named_descriptor(const fs::path& named) {
  const std::string path = named.lexically_normal().string();
  if (path == "/dev/stdout") return STDOUT_FILENO;
  if (path == "/dev/stderr") return STDERR_FILENO;
  for (const std::string_view folder : {"/dev/fd/", "/proc/self/fd/"}) {
    if (!path.starts_with(folder)) continue;
    int number = -1;
    const auto [end, error] = std::from_chars(path.data() + folder.size(), path.data() + path.size(), number);
    return error == std::errc() && end == path.data() + path.size() ? number : -1;
  }
  return -1;
}

bool is_written_through(const fs::path& named, const struct stat& status) {
  return S_ISCHR(status.st_mode) || S_ISFIFO(status.st_mode) || named_descriptor(named) >= 0;
}

/// None if nothing is there. Refuses what no output can be written to.
std::optional<struct stat> stat_output(const fs::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    if (errno == ENOENT) return std::nullopt;
    throw_file_error(path, "looking at it", errno);
  }
  if (S_ISDIR(status.st_mode)) refuse_output(path, "is a folder; name the file to write");
  if (!S_ISREG(status.st_mode) && !is_written_through(path, status))
    refuse_output(path, "is a socket or a disk, which we do not write; name a file");
  return status;
}

/// What is written lies beside its target until all of it is there.
void need_folder(const fs::path& path) {
  fs::path folder = follow_links(path).parent_path();
  if (folder.empty()) folder = ".";
  if (::access(folder.c_str(), W_OK | X_OK) == 0) return;
  const int code = errno;
  refuse_output(path, "no file can be made in the folder " + folder.string() + " (" +
                          std::generic_category().message(code) + "); " +
                          (code == ENOENT ? "make it, or name another place" : "name another place"));
}

void check_output(const fs::path& path, const OutputRules& rules) {
  if (path.filename().empty()) refuse_output(path, "is a folder; name the file to write");
  const auto status = stat_output(path);
  if (status && is_written_through(path, *status)) return;
  if (const fs::path store = store_around(plain_path(path), rules.store); !store.empty())
    refuse_output(path, "lies in the store " + store.string() + ", whose files are its own; name another place");
  for (const fs::path& input : rules.inputs) {
    if (!input.empty() && is_same_file(path, input))
      refuse_output(path, "is what this command reads; name another file to write");
  }
  if (status && rules.overwrite == Overwrite::refuse)
    refuse_output(path, "is there already; name another file, or give --force to replace it");
  need_folder(path);
}

/// Opened anew, a regular file would be written from its beginning, over what is there.
int open_through(const fs::path& named) {
  const int descriptor = named_descriptor(named);
  const int out = descriptor >= 0 ? ::fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
                                  : ::open(named.c_str(), O_WRONLY | O_NOCTTY | O_CLOEXEC);
  if (out < 0) throw_file_error(named, "opening it", errno);
  return out;
}

void copy_into(const fs::path& from, const fs::path& device) {
  const int out = open_through(device);
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

bool is_standard_output(const fs::path& named) {
  return named_descriptor(named) == STDOUT_FILENO;
}

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
  const auto status = stat_output(named);
  if (status && is_written_through(named, *status)) {
    through_ = named;
    draft_.emplace(fs::temp_directory_path() / "espalier-output", 0600);
  } else {
    draft_.emplace(follow_links(named), mode);
  }
}

void OutputFile::put() {
  if (!through_) return draft_->put();
  copy_into(draft_->path(), *through_);
  draft_.reset();
}

void write_output(const fs::path& named, std::string_view bytes, unsigned mode) {
  OutputFile file(named, mode);
  file.write(bytes);
  file.put();
}

}  // namespace espalier
