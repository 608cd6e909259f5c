#include "worker/files/file_fetcher.h"

#include <algorithm>
#include <utility>

#include <spdlog/spdlog.h>

#include "base/error.h"

namespace espalier {
namespace {

/// A message between ranks only. It is not about the file, so it is not passed to a compute thread.
constexpr const char* kLeaving = "the pool leaves";

}  // namespace

FileFetcher::FileFetcher(CacheFolder& cache, Ask ask, Notify tell, Reply reply)
    : cache_(cache), ask_(std::move(ask)), notify_(std::move(tell)), reply_(std::move(reply)) {}

FileFetcher::Fetch& FileFetcher::fetch_of(const FetchFile& request) {
  Fetch& fetch = fetches_[request.file];
  fetch.stage = request.stage;
  if (!fetch.incoming) fetch.incoming = std::make_unique<IncomingFile>(cache_.new_temporary());
  return fetch;
}

// A checkpoint may have been replaced by a later one elsewhere: never resume from a cached one.
bool FileFetcher::is_here(const FileName& file) const {
  return file.kind != FileKind::checkpoint && cache_.has(file);
}

void FileFetcher::want(int rank, const FetchFile& request) {
  if (leaving_) return;
  if (is_here(request.file)) return notify_(rank, request.file, "");
  try {
    fetch_of(request).ranks.insert(rank);
  } catch (const Error& error) {
    fetches_.erase(request.file);
    return notify_(rank, request.file, error.what());
  }
  ask_on();
}

void FileFetcher::serve(int rank, const FetchFile& request) {
  if (leaving_) return reply_(rank, FileMissing{request.rank, request.file, kLeaving});
  // Later pieces of a checkpoint are of the same file as its first piece.
  if (is_here(request.file) || (request.offset > 0 && !fetches_.contains(request.file))) return give(rank, request);
  try {
    fetch_of(request).requests.emplace_back(rank, request);
  } catch (const Error& error) {
    fetches_.erase(request.file);
    return reply_(rank, FileMissing{request.rank, request.file, error.what()});
  }
  ask_on();
}

void FileFetcher::give(int rank, const FetchFile& request) {
  try {
    FilePiece piece = reader_.read(request.file, cache_.place(request.file), request.offset);
    reply_(rank, std::move(piece));
  } catch (const Error& error) {
    reply_(rank, FileMissing{request.rank, request.file, error.what()});
  }
}

void FileFetcher::ask_on() {
  if (leaving_) return;
  int on_the_way = 0;
  for (const auto& [file, fetch] : fetches_) on_the_way += fetch.incoming->on_the_way();
  // Round robin, so that a small file need not wait for a large one.
  for (bool asked = true; asked && on_the_way < kPiecesOnTheWay;) {
    asked = false;
    for (auto& [file, fetch] : fetches_) {
      if (on_the_way == kPiecesOnTheWay) break;
      const auto offset = fetch.incoming->next_request();
      if (!offset) continue;
      asked = true;
      ++on_the_way;
      ask_({0, file, fetch.stage, *offset});
    }
  }
}

void FileFetcher::handle(const FilePiece& piece) {
  const auto found = fetches_.find(piece.file);
  if (found == fetches_.end()) return;
  try {
    IncomingFile& incoming = *found->second.incoming;
    if (incoming.add(piece)) {
      incoming.put(cache_.place(piece.file));
      cache_.grew(piece.total);
      end(found, "");
    }
  } catch (const Error& error) {
    spdlog::warn("{} could not be fetched: {}", to_string(piece.file), error.what());
    end(found, error.what());
  }
  ask_on();
}

void FileFetcher::handle(const FileMissing& missing) {
  if (missing.why == kLeaving) leave();
  const auto found = fetches_.find(missing.file);
  if (found == fetches_.end()) return;
  end(found, missing.why.empty() ? "it is missing" : missing.why);
  ask_on();
}

void FileFetcher::end(std::map<FileName, Fetch>::iterator which, const std::string& why) {
  const auto ended = fetches_.extract(which);
  for (const int rank : ended.mapped().ranks) notify_(rank, ended.key(), why);
  for (const auto& [rank, request] : ended.mapped().requests) {
    if (why.empty()) {
      give(rank, request);
    } else {
      reply_(rank, FileMissing{request.rank, request.file, why});
    }
  }
}

void FileFetcher::ask_again() {
  for (auto& [file, fetch] : fetches_) fetch.incoming->forget_requests();
  ask_on();
}

void FileFetcher::leave() {
  if (std::exchange(leaving_, true)) return;
  for (auto& [file, fetch] : fetches_) {
    fetch.ranks.clear();
    for (const auto& [rank, request] : std::exchange(fetch.requests, {})) {
      reply_(rank, FileMissing{request.rank, request.file, kLeaving});
    }
  }
}

bool FileFetcher::idle() const {
  return std::ranges::all_of(fetches_, [](const auto& entry) { return entry.second.incoming->on_the_way() == 0; });
}

}  // namespace espalier
