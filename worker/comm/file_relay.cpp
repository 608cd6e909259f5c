#include "worker/comm/file_relay.h"

#include <variant>

namespace espalier {

FileRelay::FileRelay(Mailbox& mailbox, RankFiles& files, CacheFolder& cache)
    : mailbox_(mailbox), service_(mailbox, files, cache, [this](Message message) {
        if (std::holds_alternative<FetchFile>(message)) return send(message);
        from_rank(0, std::move(message));
      }) {}

void FileRelay::send(const Message& message) {
  if (connection_) connection_->send(message);
}

void FileRelay::joined(ConnectionPtr connection) {
  connection_ = std::move(connection);
  for (const auto& [whose, offer] : offers_) send(offer);
  service_.ask_again();
}

bool FileRelay::handle(const Mail& mail) {
  if (mail.tag == MailTag::want || mail.tag == MailTag::here) {
    service_.handle(mail);
    return true;
  }
  if (mail.tag != MailTag::file) return false;
  Message message = decode_message(mail.bytes);
  if (const FetchFile* fetch = std::get_if<FetchFile>(&message)) {
    service_.serve(mail.from, *fetch);
  } else {
    from_rank(mail.from, std::move(message));
  }
  return true;
}

void FileRelay::from_rank(int rank, Message message) {
  if (OfferFile* offer = std::get_if<OfferFile>(&message)) {
    offer->rank = rank;
    offers_[{rank, offer->file}] = *offer;
  }
  if (FilePiece* piece = std::get_if<FilePiece>(&message)) piece->rank = rank;
  if (FileMissing* missing = std::get_if<FileMissing>(&message)) missing->rank = rank;
  send(message);
}

bool FileRelay::handle(const Message& message) {
  if (std::holds_alternative<StoreHere>(message)) {
    for (int rank = 0; rank < mailbox_.size(); ++rank) to_rank(rank, message);
  } else if (std::holds_alternative<FilePiece>(message) || std::holds_alternative<FileMissing>(message)) {
    service_.handle(message);
  } else if (const FetchFile* fetch = std::get_if<FetchFile>(&message)) {
    to_rank(fetch->rank, message);
  } else if (const FileStored* stored = std::get_if<FileStored>(&message)) {
    const auto offer = offers_.find({stored->rank, stored->file});
    if (offer != offers_.end() && offer->second.sha256 == stored->sha256) offers_.erase(offer);
    to_rank(stored->rank, message);
  } else {
    return false;
  }
  return true;
}

void FileRelay::to_rank(int rank, const Message& message) {
  if (rank == 0) {
    service_.handle(message);
  } else if (rank < mailbox_.size() && !left_.contains(rank)) {
    mailbox_.post(rank, MailTag::file, encode(message));
  }
}

}  // namespace espalier
