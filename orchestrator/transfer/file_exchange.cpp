#include "orchestrator/transfer/file_exchange.h"

#include <chrono>
#include <exception>
#include <system_error>
#include <utility>

#include <boost/asio/post.hpp>
#include <spdlog/spdlog.h>

#include "base/error.h"
#include "base/files.h"
#include "base/sha256.h"

namespace espalier {

namespace asio = boost::asio;

namespace {

/// Twice the open requests of a pool: a changed file is begun anew before its last pieces have arrived.
constexpr int kMostAsked = 2 * kPiecesOnTheWay;
constexpr std::chrono::seconds kFreeSpaceCheckEvery{5};

bool is_stage_file(const FileName& file) {
  return file.kind == FileKind::artifact || file.kind == FileKind::resume || file.kind == FileKind::checkpoint;
}

/// The reply to a pool whose file is not needed; a done stage has its file already.
std::string refusal_of(Core::FileClaim claim) {
  return claim == Core::FileClaim::done ? "" : "this pool does not make the stage that leaves it";
}

std::string write_probe(const StorePaths& paths) {
  const std::string probe = to_hex(sha256(random_bytes(32)));
  std::error_code ignored;  // writing reports it
  std::filesystem::create_directories(paths.probe().parent_path(), ignored);
  write_file_atomically(paths.probe(), probe);
  return probe;
}

}  // namespace

FileExchange::FileExchange(asio::io_context& io, const StorePaths& paths, std::vector<DataFolder> data,
                           FindStage find_stage, ClaimOf claim_of)
    : io_(io),
      probe_(write_probe(paths)),
      find_stage_(std::move(find_stage)),
      claim_of_(std::move(claim_of)),
      free_space_timer_(io),
      files_(paths, std::move(data)),
      intake_(paths, placed_) {}

FileExchange::~FileExchange() {
  thread_.stop();
  thread_.join();
}

void FileExchange::add_data(const DataFolder& folder) {
  asio::post(thread_, [this, folder] { files_.add_data(folder); });
}

void FileExchange::greet(PoolId pool, const ConnectionPtr& connection) {
  silence(pool);  // its connection may have been replaced before its break was noticed
  links_[pool] = std::make_shared<Link>(Link{connection});
  connection->send(StoreHere{probe_});
}

bool FileExchange::handle(PoolId pool, const Message& message) {
  const std::shared_ptr<Link>& link = links_.at(pool);
  if (const FetchFile* fetch = std::get_if<FetchFile>(&message)) {
    if (++link->asked > kMostAsked) throw Error(ErrorKind::corrupt, "a pool asks for more pieces than it may at once");
    answer(link, *fetch);
  } else if (const OfferFile* offer = std::get_if<OfferFile>(&message)) {
    if (find_stage_(offer->stage) == nullptr) {
      link->connection->send(FileStored{offer->rank, offer->file, offer->sha256, "no sweep that runs has this stage"});
      return true;
    }
    const Core::FileClaim claim = claim_of_(pool, offer->stage);
    if (claim != Core::FileClaim::wanted) {
      link->connection->send(FileStored{offer->rank, offer->file, offer->sha256, refusal_of(claim)});
      return true;
    }
    placed_.expect(offer->stage);
    take_in([this, pool, offer = *offer] { return intake_.offer(pool, offer); });
  } else if (const FilePiece* piece = std::get_if<FilePiece>(&message)) {
    const Core::FileClaim claim =
        is_stage_file(piece->file) ? claim_of_(pool, stage_key_from_hex(piece->file.name)) : Core::FileClaim::foreign;
    if (claim != Core::FileClaim::wanted) {
      take_in([this, pool, file = piece->file, rank = piece->rank, why = refusal_of(claim)] {
        return intake_.drop(pool, file, rank, why);
      });
      return true;
    }
    take_in([this, pool, piece = *piece] { return intake_.handle(pool, piece); });
  } else if (const FileMissing* missing = std::get_if<FileMissing>(&message)) {
    take_in([this, pool, missing = *missing] { return intake_.handle(pool, missing); });
  } else {
    return false;
  }
  return true;
}

void FileExchange::answer(const std::shared_ptr<Link>& link, const FetchFile& fetch) {
  const Stage* stage = find_stage_(fetch.stage);
  if (stage == nullptr) {
    --link->asked;
    link->connection->send(FileMissing{0, fetch.file, "no sweep that runs has the stage that it was asked for"});
    return;
  }
  asio::post(thread_, [this, link, fetch, stage = *stage] {
    asio::post(io_, [link, message = files_.answer(fetch, stage)] {
      --link->asked;
      link->connection->send(message);
    });
  });
}

void FileExchange::take_in(std::function<FileIntake::Replies()> step) {
  asio::post(thread_, [this, step = std::move(step)] {
    FileIntake::Replies replies;
    try {
      replies = step();
    } catch (const std::exception& error) {
      spdlog::warn("a file of a pool was not taken in: {}", error.what());
    }
    asio::post(io_, [this, replies = std::move(replies), waits = intake_.waits_for_space()] { send(replies, waits); });
  });
}

void FileExchange::send(const FileIntake::Replies& replies, bool waits_for_space) {
  for (const auto& [pool, message] : replies) {
    const auto link = links_.find(pool);
    if (link != links_.end() && link->second->connection) link->second->connection->send(message);
  }
  if (!waits_for_space || std::exchange(timer_runs_, true)) return;
  free_space_timer_.expires_after(kFreeSpaceCheckEvery);
  free_space_timer_.async_wait([this](const boost::system::error_code& cancelled) {
    timer_runs_ = false;
    if (!cancelled) take_in([this] { return intake_.try_again(); });
  });
}

void FileExchange::silence(PoolId pool) {
  const auto link = links_.find(pool);
  if (link == links_.end()) return;
  links_.erase(link);
  take_in([this, pool] {
    intake_.silence(pool);
    return FileIntake::Replies();
  });
}

void FileExchange::forget(PoolId pool) {
  links_.erase(pool);
  take_in([this, pool] { return intake_.forget(pool); });
}

}  // namespace espalier
