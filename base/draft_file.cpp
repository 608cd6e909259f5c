#include "base/draft_file.h"

#include <cerrno>
#include <fcntl.h>
#include <string>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>

#include "base/file_error.h"
#include "base/sha256.h"

namespace espalier {
namespace {

constexpr std::string_view kDraft = ".tmp";
constexpr std::string_view kDigits = "0123456789";
constexpr int kMostTries = 100;

int open_new(const std::filesystem::path& path, unsigned mode) {
  return ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, static_cast<mode_t>(mode));
}

/// The umask may have removed bits that the owner needs.
void set_private_mode(int descriptor, const std::filesystem::path& path, unsigned mode) {
  if ((mode & 077U) != 0 || ::fchmod(descriptor, static_cast<mode_t>(mode)) == 0) return;
  const int code = errno;
  ::close(descriptor);
  ::unlink(path.c_str());
  throw_file_error(path, "setting its mode", code);
}

std::string draft_suffix() {
  std::string suffix = fmt::format("{}{}-", kDraft, ::getpid());
  for (const char byte : random_bytes(4)) suffix += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  return suffix;
}

void sync_folder(const std::filesystem::path& folder) {
  const int descriptor = ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return;
  ::fsync(descriptor);
  ::close(descriptor);
}

}  // namespace

int create_new_file(const std::filesystem::path& path, unsigned mode) {
  const int descriptor = open_new(path, mode);
  if (descriptor < 0) throw_file_error(path, "creating it", errno);
  set_private_mode(descriptor, path, mode);
  return descriptor;
}

void write_to(int descriptor, std::string_view bytes, const std::filesystem::path& path) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(descriptor, bytes.data(), bytes.size());
    if (count < 0) {
      if (errno == EINTR) continue;
      throw_file_error(path, "writing", errno);
    }
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
}

void rename_into_place(const std::filesystem::path& temporary, const std::filesystem::path& path) {
  if (::rename(temporary.c_str(), path.c_str()) != 0) {
    const int code = errno;
    ::unlink(temporary.c_str());
    throw_file_error(path, "renaming it into place", code);
  }
  sync_folder(path.parent_path());
}

DraftFile::DraftFile(std::filesystem::path target, unsigned mode) : target_(std::move(target)) {
  for (int tries = 0; descriptor_ < 0; ++tries) {
    path_ = target_;
    path_ += draft_suffix();
    descriptor_ = open_new(path_, mode);
    if (descriptor_ < 0 && (errno != EEXIST || tries == kMostTries)) throw_file_error(path_, "creating it", errno);
  }
  set_private_mode(descriptor_, path_, mode);
}

DraftFile::~DraftFile() {
  if (descriptor_ < 0) return;
  ::close(descriptor_);
  ::unlink(path_.c_str());
}

void DraftFile::write(std::string_view bytes) {
  write_to(descriptor_, bytes, path_);
}

void DraftFile::put() {
  if (::fsync(descriptor_) != 0) throw_file_error(path_, "syncing it", errno);
  ::close(std::exchange(descriptor_, -1));
  rename_into_place(path_, target_);
}

DraftEnding draft_ending(std::string_view name) {
  const std::size_t at = name.rfind(kDraft);
  if (at == std::string_view::npos) return {};
  const std::string_view rest = name.substr(at + kDraft.size());
  const std::string_view pid = rest.substr(0, rest.find_first_not_of(kDigits));
  std::string_view random = rest.substr(pid.size());
  if (random.starts_with('-')) {
    random.remove_prefix(1);
    if (random.empty() || random.find_first_not_of("0123456789abcdef") != std::string_view::npos) return {};
  } else if (!random.empty()) {
    return {};
  }
  return {pid, at};
}

}  // namespace espalier
