#include "orchestrator/fetch/unpack_archive.h"

#include <algorithm>
#include <archive.h>
#include <archive_entry.h>
#include <cstdint>
#include <memory>
#include <set>
#include <string>

#include "base/draft_file.h"
#include "base/error.h"
#include "base/sha256.h"

namespace espalier {
namespace {

/// Headers, padding, and members that were not requested.
constexpr std::uint64_t kMostOtherBytes = 16U << 20;

class TarReader {
 public:
  TarReader(const std::filesystem::path& path, std::uint64_t most_bytes)
      : path_(path), most_bytes_(most_bytes), reader_(archive_read_new(), &archive_read_free) {
    if (reader_ == nullptr) throw Error(ErrorKind::internal, "libarchive could not be started");
    archive_read_support_filter_gzip(reader_.get());
    archive_read_support_format_tar(reader_.get());
    check(archive_read_open_filename(reader_.get(), path.c_str(), 1 << 16));
  }

  [[noreturn]] void fail(const std::string& what) const {
    throw Error(ErrorKind::corrupt, path_.string() + ": " + what + "; remove it, and fetch it again");
  }

  /// The next member, or null at the end.
  archive_entry* next() {
    archive_entry* entry = nullptr;
    const int code = archive_read_next_header(reader_.get(), &entry);
    if (code == ARCHIVE_EOF) return nullptr;
    check(code);
    check_size();
    return entry;
  }

  /// Of the member's bytes, the next ones; none at its end.
  std::string_view read(std::string& buffer) {
    const la_ssize_t count = archive_read_data(reader_.get(), buffer.data(), buffer.size());
    if (count < 0) check(ARCHIVE_FATAL);
    check_size();
    return {buffer.data(), static_cast<std::size_t>(count)};
  }

 private:
  void check(int code) const {
    if (code == ARCHIVE_OK || code == ARCHIVE_WARN) return;
    const char* said = archive_error_string(reader_.get());
    fail(std::string("is no .tar.gz, or damaged: ") + (said != nullptr ? said : "unknown"));
  }
  void check_size() const {
    if (static_cast<std::uint64_t>(archive_filter_bytes(reader_.get(), 0)) > most_bytes_)
      fail("unpacks to more than " + std::to_string(most_bytes_) + " bytes");
  }

  const std::filesystem::path& path_;
  const std::uint64_t most_bytes_;
  const std::unique_ptr<archive, decltype(&archive_read_free)> reader_;
};

void unpack_member(TarReader& reader, archive_entry* entry, const ArchiveMember& member,
                   const std::filesystem::path& folder) {
  const bool is_file = archive_entry_filetype(entry) == AE_IFREG && archive_entry_hardlink(entry) == nullptr;
  if (!is_file || static_cast<std::uint64_t>(archive_entry_size(entry)) != member.bytes)
    reader.fail(member.path + " in it is no file of " + std::to_string(member.bytes) + " bytes");
  const std::filesystem::path target = folder / std::filesystem::path(member.path).filename();
  DraftFile draft(target);
  Sha256 hash;
  std::uint64_t written = 0;
  std::string buffer(1 << 20, '\0');
  for (std::string_view piece; !(piece = reader.read(buffer)).empty();) {
    draft.write(piece);
    hash.add(piece);
    written += piece.size();
  }
  if (written != member.bytes) reader.fail(member.path + " in it is cut off");
  const Digest digest = hash.finish();
  std::error_code error;
  if (!std::filesystem::exists(std::filesystem::symlink_status(target, error))) return draft.put();
  if (sha256_file(target) != digest)
    throw Error(ErrorKind::invalid_input, target.string() +
                                              ": is there, but is another file than the one in the "
                                              "archive; move it away, and run the same command again");
}

}  // namespace

void unpack_members(const std::filesystem::path& archive, const std::vector<ArchiveMember>& members,
                    const std::filesystem::path& folder) {
  std::uint64_t most_bytes = kMostOtherBytes;
  std::set<std::string> missing;
  for (const ArchiveMember& member : members) {
    most_bytes += member.bytes;
    missing.insert(member.path);
  }
  TarReader reader(archive, most_bytes);
  while (archive_entry* const entry = reader.next()) {
    const char* const path = archive_entry_pathname(entry);
    const auto member = std::ranges::find(members, path != nullptr ? path : "", &ArchiveMember::path);
    if (member == members.end() || missing.erase(member->path) == 0) continue;
    unpack_member(reader, entry, *member, folder);
  }
  if (!missing.empty()) reader.fail("has no " + *missing.begin());
}

}  // namespace espalier
