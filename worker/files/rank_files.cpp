#include "worker/files/rank_files.h"

#include <algorithm>
#include <utility>

#include <spdlog/spdlog.h>

#include "base/error.h"
#include "base/files.h"

namespace espalier {
namespace {

constexpr std::chrono::milliseconds kPollEvery{50};
constexpr std::chrono::seconds kCheckpointsApart{60};
constexpr std::uintmax_t kLongestProbe = 1000;

bool holds(const std::filesystem::path& path, const std::string& text) {
  try {
    return read_file(path, kLongestProbe) == text;
  } catch (const Error&) {
    return false;
  }
}

}  // namespace

RankFiles::RankFiles(StorePaths shared, CacheFolder& cache) : shared_(std::move(shared)), cache_(cache) {}

StorePaths RankFiles::store() const {
  const std::lock_guard lock(mutex_);
  return is_shared_.value_or(true) ? shared_ : StorePaths{cache_.root()};
}

bool RankFiles::is_elsewhere() const {
  const std::lock_guard lock(mutex_);
  return !is_shared_.value_or(true);
}

void RankFiles::decide(const std::string& probe) {
  const bool same = holds(shared_.probe(), probe);
  const std::lock_guard lock(mutex_);
  if (is_shared_) return;
  is_shared_ = same;
  if (!same)
    spdlog::info("the coordinator's store is elsewhere: files come and go, and are kept in {}", cache_.root().string());
}

void RankFiles::begin(const StageKey& stage, const std::atomic<bool>& stop, Pulse* pulse) {
  stage_ = stage;
  stop_ = &stop;
  pulse_ = pulse;
}

std::string RankFiles::bring(const FileName& file) {
  const bool of_the_store = file.kind != FileKind::dataset && file.kind != FileKind::model;
  const bool gets_further = file.kind == FileKind::checkpoint;
  std::unique_lock lock(mutex_);
  if (of_the_store && is_shared_.value_or(true)) return "it is not in the store";
  if (!gets_further && cache_.has(file)) return "";
  // An artifact is named by its own stage; other files by the stage that reads them.
  request_ = FetchFile{0, file, of_the_store ? stage_key_from_hex(file.name) : stage_, 0};
  request_taken_ = false;
  answer_.reset();
  while (!answer_ && !*stop_) {
    answered_.wait_for(lock, kPollEvery);
    if (pulse_ != nullptr) pulse_->beat();
  }
  request_.reset();
  // Stopped while waiting: reports no failure of the file, since its peers may just be stopping too.
  if (!answer_ || (*stop_ && !answer_->empty())) throw StoppedWaiting();
  return *answer_;
}

std::optional<FetchFile> RankFiles::take_request() {
  const std::lock_guard lock(mutex_);
  if (!request_ || std::exchange(request_taken_, true)) return std::nullopt;
  return request_;
}

void RankFiles::answer(const FileName& file, const std::string& why) {
  {
    const std::lock_guard lock(mutex_);
    if (!request_ || request_->file != file) return;  // no longer waited for
    answer_ = why;
  }
  answered_.notify_one();
}

void RankFiles::written(const FileName& file, const StoredFile& stored, SendWhen when) {
  const auto now = std::chrono::steady_clock::now();
  const bool is_checkpoint = file.kind == FileKind::checkpoint;
  {
    const std::lock_guard lock(mutex_);
    if (is_shared_.value_or(true)) return;
    if (is_checkpoint && std::exchange(last_checkpoint_, file) != file) last_checkpoint_at_ = now;
    if (when == SendWhen::later && now - last_checkpoint_at_ < kCheckpointsApart) return;
    if (is_checkpoint) last_checkpoint_at_ = now;
    const StageKey stage = stage_key_from_hex(file.name);
    const StorePaths here{cache_.root()};
    const std::filesystem::path path = is_checkpoint ? here.checkpoint(stage) : cache_.place(file);
    Offered& offered = offered_[file];
    offered = {{0, file, stage, static_cast<std::uint64_t>(stored.bytes), digest_from_hex(stored.sha256)},
               std::ifstream(path, std::ios::binary)};
    if (file.kind == FileKind::artifact) offered_.erase(file_of_stage(FileKind::checkpoint, stage));
  }
  cache_.grew(static_cast<std::uint64_t>(stored.bytes));
}

bool RankFiles::is_sending(const StageKey& stage) const {
  const std::lock_guard lock(mutex_);
  return offered_.contains(file_of_stage(FileKind::artifact, stage)) ||
         offered_.contains(file_of_stage(FileKind::resume, stage));
}

bool RankFiles::is_sending_anything() const {
  const std::lock_guard lock(mutex_);
  return !offered_.empty();
}

std::vector<OfferFile> RankFiles::take_offers() {
  const std::lock_guard lock(mutex_);
  std::vector<OfferFile> offers;
  for (auto& [file, offered] : offered_) {
    if (!std::exchange(offered.taken, true)) offers.push_back(offered.offer);
  }
  return offers;
}

Message RankFiles::read(const FetchFile& request) {
  const std::lock_guard lock(mutex_);
  const auto found = offered_.find(request.file);
  if (found == offered_.end()) return FileMissing{request.rank, request.file, "it is not offered any more"};
  Offered& offered = found->second;
  FilePiece piece{request.rank, request.file, request.offset, offered.offer.total, offered.offer.sha256, {}};
  if (request.offset <= piece.total) {
    piece.bytes.resize(static_cast<std::size_t>(std::min(kFilePieceBytes, piece.total - request.offset)));
    offered.bytes.clear();
    offered.bytes.seekg(static_cast<std::streamoff>(request.offset));
    offered.bytes.read(piece.bytes.data(), static_cast<std::streamsize>(piece.bytes.size()));
    if (offered.bytes) return piece;
  }
  return FileMissing{request.rank, request.file, "it cannot be read where it was made"};
}

void RankFiles::stored(const FileStored& stored) {
  const std::lock_guard lock(mutex_);
  const auto found = offered_.find(stored.file);
  if (found == offered_.end() || found->second.offer.sha256 != stored.sha256) return;  // replaced by a newer one
  if (!stored.why.empty()) {
    spdlog::warn("{} is not in the coordinator's store: {}", to_string(stored.file), stored.why);
  }
  offered_.erase(found);
}

}  // namespace espalier
