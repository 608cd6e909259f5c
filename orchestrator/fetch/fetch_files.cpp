#include "orchestrator/fetch/fetch_files.h"

#include <algorithm>
#include <optional>
#include <thread>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>

#include "base/clock.h"
#include "base/duration_text.h"
#include "base/error.h"
#include "base/file_error.h"
#include "base/file_lock.h"
#include "orchestrator/fetch/partial_file.h"
#include "orchestrator/fetch/transfer.h"

// What a partial file is part of is not asked of the server (an ETag is worth nothing at another mirror): size and
// SHA-256 are known beforehand, and they decide in the end. Where a file that was continued turns out to be wrong, what
// an earlier run left may have been of another one, so it is fetched once more from its beginning.

namespace espalier {
namespace {

constexpr int kMostFetchRounds = 10;

/// The one process that fetches into a folder.
class FetchLock {
 public:
  explicit FetchLock(const std::filesystem::path& folder) : path_(folder / "fetch.lock") {
    try {
      lock_.emplace(path_, "process " + std::to_string(::getpid()));
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::unavailable) throw;
      throw Error(ErrorKind::unavailable,
                  folder.string() + ": another fetch is at work here (" + error.what() + "); wait for it, or stop it");
    }
  }
  ~FetchLock() { ::unlink(path_.c_str()); }
  FetchLock(const FetchLock&) = delete;
  FetchLock& operator=(const FetchLock&) = delete;

 private:
  const std::filesystem::path path_;
  std::optional<FileLock> lock_;
};

std::string sha256_text(const Digest& found, const Digest& expected) {
  return "its SHA-256 is " + to_hex(found) + ", expected " + to_hex(expected);
}

/// Brings one file from wherever it can be had.
class FileFetch {
 public:
  FileFetch(const RemoteFile& file, const std::filesystem::path& folder, const FetchOptions& options,
            Transfer& transfer)
      : file_(file),
        options_(options),
        transfer_(transfer),
        target_(folder / file.name),
        partial_(folder / (file.name + ".part")) {}

  /// None if it was stopped. Errors: as fetch_files.
  std::optional<FetchedFile> run() {
    std::vector<std::string> urls = file_.urls;
    for (int round = 0; round < kMostFetchRounds; ++round) {
      const std::uint64_t before = partial_.size();
      troubles_ = wrong_files_;
      for (auto url = urls.begin(); url != urls.end();) {
        switch (try_url(*url)) {
          case End::whole:
            partial_.put(target_);
            return FetchedFile{target_, file_.bytes, received_, false, *url};
          case End::stopped:
            return std::nullopt;
          case End::broken:
            ++url;
            break;
          case End::wrong:
            url = urls.erase(url);
            break;
        }
      }
      if (partial_.size() <= before) break;
      std::this_thread::sleep_for(options_.pause);
    }
    throw Error(troubles_ == wrong_files_ ? ErrorKind::corrupt : ErrorKind::unavailable,
                target_.string() + ": could not be fetched:" + troubles_);
  }

 private:
  enum class End { whole, stopped, broken, wrong };

  End try_url(const std::string& url) {
    if (partial_.size() > file_.bytes) partial_.clear();
    const bool continued = partial_.size() > 0;
    if (partial_.size() < file_.bytes) {
      const std::string trouble = transfer_.bring(url, file_.bytes, partial_, received_, [this] { report_progress(); });
      if (!trouble.empty()) {
        add_trouble(troubles_, url, trouble);
        return End::broken;
      }
      if (partial_.size() < file_.bytes) return End::stopped;
    }
    const Digest digest = sha256_file(partial_.path());
    if (digest == file_.sha256) return End::whole;
    partial_.clear();
    if (continued) return try_url(url);
    add_trouble(wrong_files_, url, "has another file: " + sha256_text(digest, file_.sha256));
    add_trouble(troubles_, url, "has another file: " + sha256_text(digest, file_.sha256));
    return End::wrong;
  }

  void report_progress() {
    options_.progress({file_.name, file_.bytes, partial_.size(), received_, seconds_since(began_)});
  }

  static void add_trouble(std::string& troubles, const std::string& url, const std::string& trouble) {
    troubles += "\n  " + url + ": " + trouble;
  }

  const RemoteFile& file_;
  const FetchOptions& options_;
  Transfer& transfer_;
  const std::filesystem::path target_;
  PartialFile partial_;
  std::uint64_t received_ = 0;
  std::string troubles_;     ///< of this round, a line for each URL
  std::string wrong_files_;  ///< of all rounds: URLs that are not asked again
  const std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
};

void check_remote_file(const RemoteFile& file) {
  for (const std::string& url : file.urls) {
    if (!url.starts_with("https://"))
      throw Error(ErrorKind::invalid_input, url + ": files are fetched over https alone: https://HOST/...");
  }
}

/// Whether the file is there. Errors: ErrorKind::invalid_input if another one is.
bool is_fetched(const RemoteFile& file, const std::filesystem::path& path) {
  std::error_code error;
  if (!std::filesystem::exists(std::filesystem::symlink_status(path, error))) return false;
  const Digest digest = sha256_file(path);
  if (digest == file.sha256) return true;
  throw Error(ErrorKind::invalid_input, path.string() +
                                            ": is there, but is another file: " + sha256_text(digest, file.sha256) +
                                            "; move it away, and run the same command again");
}

void make_fetch_folder(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) throw_file_error(folder, "making the folder", error.value());
}

}  // namespace

std::string fetch_progress_text(const FetchProgress& progress) {
  const auto megabytes = [](auto bytes) { return static_cast<double>(bytes) / 1e6; };
  std::string text =
      fmt::format("{}: {:.1f} of {:.1f} MB", progress.name, megabytes(progress.there), megabytes(progress.bytes));
  if (progress.received == 0 || progress.seconds <= 0) return text;
  const double rate = static_cast<double>(progress.received) / progress.seconds;
  text += fmt::format(", {:.1f} MB/s", megabytes(rate));
  if (progress.there < progress.bytes)
    text += ", about " + duration_text(static_cast<double>(progress.bytes - progress.there) / rate) + " left";
  return text;
}

FetchSummary fetch_files(const std::vector<RemoteFile>& files, const std::filesystem::path& folder,
                         const FetchOptions& options) {
  std::ranges::for_each(files, check_remote_file);
  make_fetch_folder(folder);
  const FetchLock lock(folder);
  Transfer transfer(options);
  FetchSummary summary;
  for (const RemoteFile& file : files) {
    const std::filesystem::path path = folder / file.name;
    if (is_fetched(file, path)) {
      summary.files.push_back({path, file.bytes, 0, true, ""});
      continue;
    }
    std::optional<FetchedFile> fetched;
    if (!options.stopped()) fetched = FileFetch(file, folder, options, transfer).run();
    summary.stopped = !fetched;
    if (summary.stopped) break;
    summary.files.push_back(*fetched);
  }
  return summary;
}

}  // namespace espalier
