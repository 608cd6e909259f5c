#pragma once

#include <memory>
#include <optional>
#include <string>

namespace espalier {

/// Messages between the gateway (rank 0) and the other ranks.
enum class MailTag : int {
  commands = 1,   ///< 0 -> n: encoded RankCommands
  reports = 2,    ///< n -> 0: encoded RankReports
  leave = 3,      ///< either way: checkpoint and leave, with the cause (n -> 0: a signal or a deadline asked for it)
  left = 4,       ///< n -> 0: all my reports are sent
  introduce = 5,  ///< 0 -> n: report again your facts and the attempts you hold
  heartbeat = 6,  ///< n -> 0: once a second, what runs (member_watch.h)
  want = 7,       ///< n -> the first rank of its machine: an encoded FetchFile; requests the whole file
  here = 8,       ///< the reply: an encoded FileMissing; its why is "" if the file is there
  file = 9,       ///< n <-> 0: StoreHere, FetchFile, FilePiece, FileMissing, OfferFile or FileStored, encoded
  gang = 10       ///< between the members of a gang: encoded GangNote
};

struct Mail {
  int from = 0;
  MailTag tag = MailTag::commands;
  std::string bytes;
};

/// MPI for this process: only this and gang_communicators include mpi.h. Nothing here blocks, so two ranks that send
/// each other large messages at the same time cannot deadlock. Main thread only (MPI_THREAD_FUNNELED).
class Mailbox {
 public:
  /// MPI_Init. Errors: ErrorKind::unavailable if MPI gives no thread support.
  Mailbox(int* argc, char*** argv);
  /// MPI_Finalize, after all sends have completed.
  ~Mailbox();
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;

  int rank() const;
  int size() const;
  /// How many of the pool's ranks are on this host, this one included.
  int ranks_here() const;
  /// The first of them.
  int first_here() const;
  /// Which of them this one is, from 0.
  int local_rank() const;
  /// "Open MPI v4.1.4, ..."
  std::string library_version() const;

  void post(int to, MailTag tag, std::string bytes);
  /// The next message that has arrived; none if there is none.
  std::optional<Mail> poll();
  /// Ends every rank of the pool at once, with this exit code.
  [[noreturn]] void abort(int code);
  /// As the destructor; then ends the process with 0, even if other threads run.
  [[noreturn]] void finish_and_exit();

 private:
  void finish();

  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace espalier
