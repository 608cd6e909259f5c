#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "cluster/protocol/file_name.h"
#include "experiments/stages/job.h"
#include "experiments/stages/loss_cause.h"
#include "experiments/stages/outcome.h"

namespace espalier {

// What the executables say to each other. docs/protocol.md describes the bytes; a change here raises kProtocolVersion.
//
// TLS comes first (stream.h). Then:
//
//   coordinator                          pool (its gateway, rank 0) or client
//   Challenge{version, nonce}      ->
//                                  <-    Hello{version, role, nonce, proof}      nothing else is accepted before this
//   Welcome{proof, name}           ->                                           or Refused{why}
//                                  <-    PoolDescription                        pools only
//   ToRank{rank, commands}         ->                                           the gateway forwards the bytes unread
//                                  <-    FromRank{rank, sequence, reports}      kept by the pool until ...
//   Recorded{sequence}             ->                                           ... all up to this one is durable
//   Leave                          ->                                           checkpoint, report, go
//                                  <-    Leaving{cause}                         all reports are out
//   StoreHere{probe}               ->                                           whether the store's folder is shared
//   FetchFile{file, offset}       <->    one piece, please                      FilePiece, or FileMissing{why}
//                                  <-    OfferFile{file}                        fetch it from me; then ...
//   FileStored{file}               ->                                           ... it is in the store
//   Heartbeat                     <->    every kHeartbeat; silence of kHeartbeatLimit loses the connection
//                                  <-    Ask{question, arguments}               clients only
//   Answer{understood, text}       ->
//
// A pool outlives its connection, and its coordinator: it goes on computing, keeps its reports, and comes back with the
// same identity. It then sends again what was not recorded, and each rank says in RankReady what it still holds.

inline constexpr int kProtocolVersion = 5;
inline constexpr int kHeartbeatSeconds = 2;
inline constexpr int kHeartbeatLimitSeconds = 20;
/// No frame is larger, in either direction: metrics of a long training are the largest thing said.
inline constexpr std::uint32_t kFrameLimitBytes = 16U << 20;
/// Before the proof: a stranger cannot make us hold more.
inline constexpr std::uint32_t kStrangerFrameLimitBytes = 4096;

/// What a peer may do, by the key that it proves (authentication.h): compute; ask and change; ask alone.
enum class Role { pool, client, reader };

struct Challenge {
  int version = kProtocolVersion;
  std::string nonce;  ///< 32 random bytes
};
struct Hello {
  int version = kProtocolVersion;
  Role role = Role::pool;
  std::string nonce;  ///< 32 random bytes of the other side
  std::string proof;  ///< authentication.h
};
struct Welcome {
  std::string proof;  ///< the coordinator knows the secret too
  std::string name;   ///< what this connection is called in logs and the database
};
struct Refused {
  std::string why;
};
struct PoolDescription {
  std::string label;  ///< what started it calls it ("local-1"); "" if nothing does
  std::string host;
  std::int64_t pid = 0;
  int ranks = 0;
  int numerics_epoch = 0;
  std::string identity;                           ///< 16 random bytes: the same for as long as the pool lives
  std::vector<std::string> labels = {};           ///< that jobs may ask for
  double clock = 0;                               ///< its own, UTC seconds since 1970
  std::optional<std::int64_t> seconds_left = {};  ///< until its time limit; none if it has none
};
/// `commands` is an encoded std::vector<RankCommand>.
struct ToRank {
  int rank = 0;
  std::string commands;
};
/// `reports` is an encoded std::vector<RankReport>.
struct FromRank {
  int rank = 0;
  std::string reports;
  std::uint64_t sequence = 0;  ///< counts the pool's frames from 1; one that was heard before is dropped
};
struct Leave {};
struct Leaving {
  LossCause cause = LossCause::drained;
};
/// Every frame of the pool up to this one is in the database: it may forget them.
struct Recorded {
  std::uint64_t sequence = 0;
};
struct Heartbeat {};
/// A client's question or wish; docs/protocol.md lists them.
struct Ask {
  std::string question;
  std::string arguments;  ///< JSON
};
struct Answer {
  bool understood = true;  ///< false: nothing was done
  std::string text;        ///< JSON; or a sentence that says why not
};

/// A file that a pool fetches comes in pieces of so many bytes, the last one shorter.
inline constexpr std::uint64_t kFilePieceBytes = 1U << 20;
/// Pieces that may be asked for and not there yet, of one pool and direction: what is said meanwhile waits for no more.
inline constexpr int kPiecesOnTheWay = 4;
inline constexpr std::uint64_t kLargestFileBytes = std::uint64_t{1} << 36;

/// What STORE/pools/probe holds: a pool that reads the same there works on the store itself.
struct StoreHere {
  std::string probe;
};
/// One piece, from `offset`. Either side may ask; `rank` is whose file it is where the coordinator asks.
struct FetchFile {
  int rank = 0;
  FileName file;
  StageKey stage;  ///< whose file it is, or that reads it: it must name the file
  std::uint64_t offset = 0;
};
struct FilePiece {
  int rank = 0;
  FileName file;
  std::uint64_t offset = 0;
  std::uint64_t total = 0;  ///< bytes of the whole file
  Digest sha256{};          ///< of the whole file: another one than before means another file, to be fetched anew
  std::string bytes;        ///< at most kFilePieceBytes
};
struct FileMissing {
  int rank = 0;
  FileName file;
  std::string why;
};
/// A rank's file that the coordinator is to have. It fetches it when it sees fit.
struct OfferFile {
  int rank = 0;
  FileName file;  ///< artifact, resume or checkpoint
  StageKey stage;
  std::uint64_t total = 0;
  Digest sha256{};
};
/// What was offered is in the store, or never will be.
struct FileStored {
  int rank = 0;
  FileName file;
  Digest sha256{};  ///< of what was offered
  std::string why;  ///< it is not; "" if it is
};
using Message =
    std::variant<Challenge, Hello, Welcome, Refused, PoolDescription, ToRank, FromRank, Leave, Leaving, Heartbeat,
                 Recorded, Ask, Answer, StoreHere, FetchFile, FilePiece, FileMissing, OfferFile, FileStored>;

// Between the coordinator and a rank, through the gateway.

struct RunJob {
  Job job;
  bool alone = false;          ///< nothing else runs in the pool: it may have all of its memory
  std::vector<int> gang = {};  ///< ranks that run it together, the leader first; each is sent it. Empty: one alone
};
struct StopJob {
  std::uint64_t attempt = 0;  ///< checkpoint it and report JobEnded{interrupted}
};
using RankCommand = std::variant<RunJob, StopJob>;

/// Said when the rank can take jobs, and again whenever the pool comes back to a coordinator.
struct RankReady {
  std::string environment;          ///< JSON
  std::string host;                 ///< of the rank
  std::vector<std::uint64_t> held;  ///< attempts it runs or has waiting, in order
  std::string gpu = {};             ///< which of the host's it computes on, as "cuda:0"; "" for none
  double memory_gb = 0;             ///< that it may fill; 0: no limit
  int cores = 0;                    ///< of its host
};
struct StageReached {
  StageOutcome outcome;
};
struct JobEnded {
  std::uint64_t attempt = 0;
  bool interrupted = false;  ///< some of its stages have no outcome; their work so far is in a checkpoint
  bool started = true;       ///< false: it had only waited
  bool progressed = true;    ///< interrupted: it reached a stage, or left a newer checkpoint than it began with
  LossCause cause = LossCause::drained;  ///< interrupted: why
};
struct JobProgress {
  std::uint64_t attempt = 0;
  StageKey stage;
  std::int64_t step = 0;
  std::int64_t end_step = 0;
  double loss = 0;
};
using RankReport = std::variant<RankReady, StageReached, JobEnded, JobProgress>;

/// CBOR (RFC 8949). Decoding bounds sizes and nesting before allocation.
/// Errors: ErrorKind::corrupt for bytes that are not the message they claim to be.
std::string encode(const Message& message);
Message decode_message(std::string_view bytes);
/// Before the proof: as decode_message, and anything but Challenge, Hello, Welcome and Refused is refused unread.
Message decode_handshake(std::string_view bytes);
std::string encode(const std::vector<RankCommand>& commands);
std::vector<RankCommand> decode_commands(std::string_view bytes);
std::string encode(const std::vector<RankReport>& reports);
std::vector<RankReport> decode_reports(std::string_view bytes);

}  // namespace espalier
