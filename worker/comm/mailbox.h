#pragma once

#include <memory>
#include <optional>
#include <string>

namespace espalier {

/// What goes between the gateway (rank 0) and the other ranks.
enum class MailTag : int {
  commands = 1,   ///< 0 -> n: encoded RankCommands
  reports = 2,    ///< n -> 0: encoded RankReports
  leave = 3,      ///< either way: checkpoint and leave, with the cause (n -> 0: a signal or a deadline asked for it)
  left = 4,       ///< n -> 0: all my reports are out
  introduce = 5,  ///< 0 -> n: say again who you are and what you hold
  heartbeat = 6,  ///< n -> 0: once a second, what runs (member_watch.h)
  want = 7,       ///< n -> the first rank of its machine: an encoded FetchFile of which it wants the whole file
  here = 8,       ///< the way back: an encoded FileMissing; "" for why if it is there
  file = 9,       ///< n <-> 0: StoreHere, FetchFile, FilePiece, FileMissing, OfferFile or FileStored, encoded
  gang = 10       ///< between the members of a gang: encoded GangNote
};

struct Mail {
  int from = 0;
  MailTag tag = MailTag::commands;
  std::string bytes;
};

/// MPI, for this process: with gang_lines the only place that sees mpi.h. Nothing here blocks, so two ranks that send
/// each other large messages at the same time cannot wait for each other. Main thread only (MPI_THREAD_FUNNELED).
class Mailbox {
 public:
  /// MPI_Init. Errors: ErrorKind::unavailable if MPI gives no thread support.
  Mailbox(int* argc, char*** argv);
  /// MPI_Finalize, after everything sent has arrived.
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
  /// The next message that is here already.
  std::optional<Mail> poll();
  /// Ends every rank of the pool at once, with this exit code.
  [[noreturn]] void abort(int code);
  /// As the destructor; then ends the process with 0, whatever its other threads are at.
  [[noreturn]] void finish_and_exit();

 private:
  void finish();

  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace espalier
