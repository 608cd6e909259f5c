#include "base/growing_file.h"

#include <cerrno>
#include <unistd.h>
#include <utility>

#include "base/draft_file.h"
#include "base/file_error.h"
#include "base/files.h"

namespace espalier {
namespace {

constexpr std::uint64_t kSyncEvery = 16U << 20;

void make_folder_of(const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::create_directories(path.parent_path(), error);
  if (error) throw_file_error(path.parent_path(), "making the folder", error.value());
}

}  // namespace

GrowingFile::GrowingFile(std::filesystem::path temporary) : temporary_(std::move(temporary)) {
  make_folder_of(temporary_);
  descriptor_ = create_new_file(temporary_, 0644);
}

GrowingFile::~GrowingFile() {
  if (descriptor_ < 0) return;
  ::close(descriptor_);
  ::unlink(temporary_.c_str());
}

void GrowingFile::append(std::string_view bytes) {
  unsynced_ += bytes.size();
  write_to(descriptor_, bytes, temporary_);
  if (unsynced_ < kSyncEvery) return;
  unsynced_ = 0;
  if (::fdatasync(descriptor_) != 0) throw_file_error(temporary_, "syncing it", errno);
}

void GrowingFile::put(const std::filesystem::path& path) {
  make_folder_of(path);
  ::close(std::exchange(descriptor_, -1));
  put_in_place(temporary_, path);
}

void GrowingFile::clear() {
  if (::ftruncate(descriptor_, 0) != 0 || ::lseek(descriptor_, 0, SEEK_SET) != 0) {
    throw_file_error(temporary_, "emptying it", errno);
  }
  unsynced_ = 0;
}

}  // namespace espalier
