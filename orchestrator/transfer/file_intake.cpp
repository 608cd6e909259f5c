#include "orchestrator/transfer/file_intake.h"

#include <algorithm>
#include <string>

#include <spdlog/spdlog.h>

#include "base/error.h"
#include "orchestrator/transfer/checkpoint_steps.h"

namespace espalier {
namespace {

constexpr std::size_t kMostOffers = 100'000;
/// Limit over all pools: bounds memory.
constexpr int kMostOnTheWay = 64;

}  // namespace

FileIntake::FileIntake(StorePaths paths, PlacedFiles& placed) : paths_(std::move(paths)), placed_(placed) {
  std::error_code ignored;
  std::filesystem::remove_all(paths_.uploads(), ignored);
}

std::filesystem::path FileIntake::place(const OfferFile& offer) const {
  return offer.file.kind == FileKind::checkpoint ? paths_.checkpoint(offer.stage) : place_of(paths_.root, offer.file);
}

FileIntake::Uploads::iterator FileIntake::find(PoolId pool, const FileName& file, int rank) {
  Uploads& uploads = uploads_[pool];
  return std::ranges::find_if(
      uploads, [&](const Upload& upload) { return upload.offer.file == file && upload.offer.rank == rank; });
}

FileIntake::Replies FileIntake::offer(PoolId pool, const OfferFile& offer) {
  Replies replies;
  const bool of_a_stage = offer.file.kind == FileKind::artifact || offer.file.kind == FileKind::resume ||
                          offer.file.kind == FileKind::checkpoint;
  if (!of_a_stage || offer.file.name != to_hex(offer.stage)) {
    throw Error(ErrorKind::corrupt, "a pool offers " + to_string(offer.file) + ", which no stage leaves");
  }
  silent_.erase(pool);
  const auto known = find(pool, offer.file, offer.rank);
  Uploads& uploads = uploads_[pool];
  if (known != uploads.end()) {
    known->offer = offer;  // a duplicate, or a newer checkpoint, which has another hash
  } else if (reader_.holds(place(offer), offer.total, offer.sha256)) {
    replies.push_back({pool, FileStored{offer.rank, offer.file, offer.sha256, ""}});
  } else if (uploads.size() == kMostOffers) {
    throw Error(ErrorKind::corrupt, "a pool offers more files than it can have");
  } else {
    uploads.push_back({offer, nullptr, {}});
  }
  ask_on(replies);
  return replies;
}

void FileIntake::ask_on(Replies& replies) {
  if (waits_for_space_) return;
  int on_the_way = 0;
  for (const auto& [pool, uploads] : uploads_) {
    if (!uploads.empty() && uploads.front().incoming) on_the_way += uploads.front().incoming->on_the_way();
  }
  for (bool asked = true; asked;) {
    asked = false;
    for (auto& [pool, uploads] : uploads_) {
      if (uploads.empty() || silent_.contains(pool) || on_the_way >= kMostOnTheWay) continue;
      Upload& upload = uploads.front();
      try {
        if (!upload.incoming) {
          upload.temporary = paths_.uploads() / std::to_string(++temporaries_);
          upload.incoming = std::make_unique<IncomingFile>(upload.temporary);
        }
      } catch (const Error& error) {
        spdlog::warn("files of pools wait: {}", error.what());
        waits_for_space_ = true;
        return;
      }
      const auto offset = upload.incoming->next_request();
      if (!offset) continue;
      asked = true;
      ++on_the_way;
      replies.push_back({pool, FetchFile{upload.offer.rank, upload.offer.file, upload.offer.stage, *offset}});
    }
  }
}

FileIntake::Replies FileIntake::handle(PoolId pool, const FilePiece& piece) {
  Replies replies;
  const auto upload = find(pool, piece.file, piece.rank);
  if (upload == uploads_[pool].end() || !upload->incoming) return replies;  // from before its connection broke
  try {
    if (upload->incoming->add(piece)) {
      put(*upload);
      // A newer checkpoint may have been offered since: then that is still to be received.
      const bool is_it = upload->incoming->sha256() == upload->offer.sha256;
      upload->incoming.reset();
      if (is_it) end(pool, upload, "", replies);
    }
  } catch (const Error& error) {
    upload->incoming.reset();
    if (error.kind() != ErrorKind::corrupt) {  // the store's fault, not the pool's
      spdlog::warn("files of pools wait: {}", error.what());
      waits_for_space_ = true;
    } else {
      end(pool, upload, error.what(), replies);
    }
  }
  ask_on(replies);
  return replies;
}

FileIntake::Replies FileIntake::handle(PoolId pool, const FileMissing& missing) {
  Replies replies;
  const auto upload = find(pool, missing.file, missing.rank);
  if (upload != uploads_[pool].end()) end(pool, upload, missing.why, replies);
  ask_on(replies);
  return replies;
}

FileIntake::Replies FileIntake::drop(PoolId pool, const FileName& file, int rank, const std::string& why) {
  Replies replies;
  const auto upload = find(pool, file, rank);
  if (upload != uploads_[pool].end()) end(pool, upload, why, replies);
  ask_on(replies);
  return replies;
}

void FileIntake::put(Upload& upload) {
  if (is_behind(upload)) return;
  const auto rename = [&] { upload.incoming->put(place(upload.offer)); };
  if (upload.offer.file.kind == FileKind::artifact) {
    placed_.place(upload.offer.stage, upload.incoming->sha256(), rename);
  } else {
    rename();
  }
}

/// From a pool that was disconnected so long that another one continued the training.
bool FileIntake::is_behind(const Upload& upload) const {
  return upload.offer.file.kind == FileKind::checkpoint &&
         checkpoint_steps(upload.temporary) < checkpoint_steps(place(upload.offer));
}

void FileIntake::end(PoolId pool, Uploads::iterator upload, const std::string& why, Replies& replies) {
  const OfferFile& offer = upload->offer;
  replies.push_back({pool, FileStored{offer.rank, offer.file, offer.sha256, why}});
  uploads_[pool].erase(upload);
}

void FileIntake::silence(PoolId pool) {
  silent_.insert(pool);
  for (Upload& upload : uploads_[pool]) {
    if (upload.incoming) upload.incoming->forget_requests();
  }
}

FileIntake::Replies FileIntake::forget(PoolId pool) {
  uploads_.erase(pool);
  silent_.erase(pool);
  Replies replies;
  ask_on(replies);
  return replies;
}

FileIntake::Replies FileIntake::try_again() {
  waits_for_space_ = false;
  Replies replies;
  ask_on(replies);
  return replies;
}

}  // namespace espalier
