#include "worker/comm/file_service.h"

#include <utility>
#include <variant>

namespace espalier {

FileService::FileService(Mailbox& mailbox, RankFiles& files, CacheFolder& cache,
                         std::function<void(Message)> to_coordinator)
    : mailbox_(mailbox),
      files_(files),
      to_coordinator_(std::move(to_coordinator)),
      fetcher_(
          cache, [this](const FetchFile& fetch) { to_coordinator_(fetch); },
          [this](int rank, const FileName& file, const std::string& why) { notify(rank, file, why); },
          [this](int rank, const Message& message) { mailbox_.post(rank, MailTag::file, encode(message)); }) {
  if (mailbox_.first_here() == mailbox_.rank()) cache.make_room();
}

void FileService::notify(int rank, const FileName& file, const std::string& why) {
  if (rank == mailbox_.rank()) {
    files_.answer(file, why);
  } else {
    mailbox_.post(rank, MailTag::here, encode(Message{FileMissing{0, file, why}}));
  }
}

bool FileService::pump() {
  bool traffic = false;
  if (const auto request = files_.take_request()) {
    traffic = true;
    const int first = mailbox_.first_here();
    if (first == mailbox_.rank()) {
      fetcher_.want(first, *request);
    } else {
      mailbox_.post(first, MailTag::want, encode(Message{*request}));
    }
  }
  for (const OfferFile& offer : files_.take_offers()) {
    traffic = true;
    to_coordinator_(offer);
  }
  return traffic;
}

void FileService::handle(const Mail& mail) {
  const Message message = decode_message(mail.bytes);
  if (mail.tag == MailTag::want) fetcher_.want(mail.from, std::get<FetchFile>(message));
  if (mail.tag == MailTag::here) {
    const FileMissing& answer = std::get<FileMissing>(message);
    files_.answer(answer.file, answer.why);
  }
}

void FileService::handle(const Message& message) {
  if (const StoreHere* here = std::get_if<StoreHere>(&message)) files_.decide(here->probe);
  if (const FilePiece* piece = std::get_if<FilePiece>(&message)) fetcher_.handle(*piece);
  if (const FileMissing* missing = std::get_if<FileMissing>(&message)) fetcher_.handle(*missing);
  if (const FetchFile* fetch = std::get_if<FetchFile>(&message)) to_coordinator_(files_.read(*fetch));
  if (const FileStored* stored = std::get_if<FileStored>(&message)) files_.stored(*stored);
}

}  // namespace espalier
