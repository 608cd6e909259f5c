#include "db/maintenance/store_files.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <system_error>

#include "base/draft_file.h"
#include "base/error.h"

namespace espalier {
namespace {

constexpr std::size_t kKeyDigits = 64;
constexpr std::string_view kDamaged = ".damaged";

bool is_running(std::string_view digits) {
  pid_t pid = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), pid);
  if (error != std::errc() || pid <= 0) return false;
  return ::kill(pid, 0) == 0 || errno == EPERM;
}

/// Cuts what follows the key's file name off, and says what that makes of the file; none if nothing follows.
std::optional<StoreFileKind> cut_suffix(std::string_view& ending, bool& writer_runs) {
  if (ending.ends_with(kDamaged)) {
    ending.remove_suffix(kDamaged.size());
    return StoreFileKind::damaged;
  }
  const DraftEnding draft = draft_ending(ending);
  if (draft.pid.empty()) return std::nullopt;
  writer_runs = is_running(draft.pid);
  ending = ending.substr(0, draft.begins_at);
  return StoreFileKind::temporary;
}

bool is_key(std::string_view text) {
  return text.size() == kKeyDigits && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

/// `folder`: the two digits that name a folder of artifacts, "" for the folder of checkpoints.
StoreFile read_name(const std::filesystem::path& path, std::string_view folder) {
  StoreFile file;
  file.path = path;
  const std::string name = path.filename().string();
  const std::string_view key = std::string_view(name).substr(0, kKeyDigits);
  if (!is_key(key) || !key.starts_with(folder)) return file;
  std::string_view ending = std::string_view(name).substr(kKeyDigits);
  const std::optional<StoreFileKind> suffix = cut_suffix(ending, file.writer_runs);
  const bool is_plain = ending == ".safetensors";
  if (!is_plain && (folder.empty() || ending != ".resume.safetensors")) return file;
  const StoreFileKind whole = folder.empty() ? StoreFileKind::checkpoint
                              : is_plain     ? StoreFileKind::artifact
                                             : StoreFileKind::resume_state;
  file.kind = suffix.value_or(whole);
  file.stage = stage_key_from_hex(key);
  return file;
}

/// Calls `visit` for each entry of a folder, which may be missing.
template <typename Visit>
void for_each_entry(const std::filesystem::path& folder, Visit visit) {
  std::error_code error;
  std::filesystem::directory_iterator entry(folder, error);
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) visit(*entry);
  if (!error || error == std::errc::no_such_file_or_directory) return;
  throw Error(ErrorKind::invalid_input,
              folder.string() + ": cannot be listed: " + error.message() + "; check who may read it");
}

void add_file(std::vector<StoreFile>& files, const std::filesystem::path& path, std::string_view folder) {
  StoreFile file = read_name(path, folder);
  std::error_code error;
  file.bytes = std::filesystem::file_size(path, error);
  if (error) file.bytes = 0;  // just removed, or a dangling link
  files.push_back(std::move(file));
}

}  // namespace

std::vector<StoreFile> list_store_files(const StorePaths& paths) {
  std::vector<StoreFile> files;
  for_each_entry(paths.artifacts(), [&](const std::filesystem::directory_entry& folder) {
    const std::string name = folder.path().filename().string();
    std::error_code ignored;
    if (name.size() != 2 || !folder.is_directory(ignored)) return add_file(files, folder.path(), "?");
    for_each_entry(folder.path(), [&](const auto& entry) { add_file(files, entry.path(), name); });
  });
  for_each_entry(paths.checkpoints(), [&](const auto& entry) { add_file(files, entry.path(), ""); });
  std::ranges::sort(files, {}, &StoreFile::path);
  return files;
}

}  // namespace espalier
