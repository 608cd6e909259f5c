#include "cluster/files/piece_reader.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

namespace espalier {
namespace {

constexpr std::size_t kMostKnown = 20'000;

}  // namespace

/// Reads from one open file, even if another is renamed over its path.
class PieceReader::OpenFile {
 public:
  explicit OpenFile(const std::filesystem::path& path)
      : path_(path), descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)) {
    if (descriptor_ < 0) refuse("cannot be read: " + std::string(std::strerror(errno)));
    try {
      if (::fstat(descriptor_, &status_) != 0) refuse("cannot be looked at: " + std::string(std::strerror(errno)));
      if (!S_ISREG(status_.st_mode)) refuse("is not a regular file");
      if (bytes() > kLargestFileBytes) refuse("is larger than what is sent to pools");
    } catch (...) {
      ::close(descriptor_);
      throw;
    }
  }
  ~OpenFile() { ::close(descriptor_); }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;

  std::uint64_t bytes() const { return static_cast<std::uint64_t>(status_.st_size); }
  std::uint64_t inode() const { return status_.st_ino; }
  const std::timespec& changed() const { return status_.st_mtim; }

  std::string read(std::uint64_t offset, std::uint64_t count) const {
    std::string piece(static_cast<std::size_t>(count), '\0');
    for (std::size_t done = 0; done < piece.size();) {
      const ssize_t now =
          ::pread(descriptor_, piece.data() + done, piece.size() - done, static_cast<off_t>(offset + done));
      if (now < 0 && errno == EINTR) continue;
      if (now <= 0) throw Error(ErrorKind::corrupt, path_.string() + ": reading it failed, or it became shorter");
      done += static_cast<std::size_t>(now);
    }
    return piece;
  }

 private:
  [[noreturn]] void refuse(const std::string& what) const {
    throw Error(ErrorKind::unavailable, path_.string() + ": " + what);
  }

  const std::filesystem::path& path_;
  int descriptor_;
  struct stat status_ {};
};

const Digest& PieceReader::digest_of(const std::filesystem::path& path, const OpenFile& file) {
  Known& known = known_[path];
  const bool same = known.inode == file.inode() && known.bytes == file.bytes() &&
                    known.changed.tv_sec == file.changed().tv_sec && known.changed.tv_nsec == file.changed().tv_nsec;
  if (same) return known.sha256;
  Sha256 hash;
  for (std::uint64_t offset = 0; offset < file.bytes(); offset += kFilePieceBytes) {
    hash.add(file.read(offset, std::min(kFilePieceBytes, file.bytes() - offset)));
  }
  known = {file.inode(), file.bytes(), file.changed(), hash.finish()};
  return known.sha256;
}

FilePiece PieceReader::read(const FileName& file, const std::filesystem::path& path, std::uint64_t offset) {
  const OpenFile open(path);
  if (known_.size() > kMostKnown) known_.clear();
  FilePiece piece;
  piece.file = file;
  piece.offset = offset;
  piece.total = open.bytes();
  piece.sha256 = digest_of(path, open);
  if (offset > piece.total) throw Error(ErrorKind::corrupt, path.string() + ": ends before what was asked for");
  piece.bytes = open.read(offset, std::min(kFilePieceBytes, piece.total - offset));
  return piece;
}

bool PieceReader::holds(const std::filesystem::path& path, std::uint64_t total, const Digest& sha256) {
  std::error_code absent;
  if (std::filesystem::file_size(path, absent) != total || absent) return false;
  try {
    const OpenFile open(path);
    return open.bytes() == total && digest_of(path, open) == sha256;
  } catch (const Error&) {
    return false;
  }
}

}  // namespace espalier
