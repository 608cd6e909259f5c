#include "orchestrator/fetch/partial_file.h"

#include <cerrno>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include "base/draft_file.h"
#include "base/file_error.h"
#include "base/files.h"
#include "base/own_file.h"

namespace espalier {

PartialFile::PartialFile(std::filesystem::path path)
    : path_(std::move(path)), descriptor_(open_own_file(path_, OwnFile::append)) {
  struct stat status {};
  if (::fstat(descriptor_, &status) != 0) {
    const int code = errno;
    ::close(descriptor_);
    throw_file_error(path_, "reading its size", code);
  }
  size_ = static_cast<std::uint64_t>(status.st_size);
}

PartialFile::~PartialFile() {
  if (descriptor_ < 0) return;
  ::close(descriptor_);
  if (size_ == 0) ::unlink(path_.c_str());
}

void PartialFile::append(std::string_view bytes) {
  write_to(descriptor_, bytes, path_);
  size_ += bytes.size();
}

void PartialFile::clear() {
  if (::ftruncate(descriptor_, 0) != 0) throw_file_error(path_, "emptying it", errno);
  size_ = 0;
}

void PartialFile::put(const std::filesystem::path& path) {
  ::close(std::exchange(descriptor_, -1));
  put_in_place(path_, path);
}

}  // namespace espalier
