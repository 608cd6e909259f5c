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

// The messages between the executables. docs/protocol.md describes the bytes; a change here raises kProtocolVersion.
//
// TLS comes first (stream.h). Then:
//
//   coordinator                          pool (its gateway, rank 0) or client
//   Challenge{version, nonce}      ->
//                                  <-    Hello{version, role, nonce, proof}      nothing else is accepted before this
//   Welcome{proof, name}           ->                                           or Refused{why}
//                                  <-    PoolDescription                        pools only
//   ToRank{rank, commands}         ->                                           the gateway forwards the raw bytes
//                                  <-    FromRank{rank, sequence, reports}      kept by the pool until ...
//   Recorded{sequence}             ->                                           ... all up to this one are durable
//   Leave                          ->                                           checkpoint, report, leave
//                                  <-    Leaving{cause}                         all reports are sent
//   StoreHere{probe}               ->                                           whether the store's folder is shared
//   FetchFile{file, offset}       <->    request for one piece                  FilePiece, or FileMissing{why}
//                                  <-    OfferFile{file}                        fetch it from me; then ...
//   FileStored{file}               ->                                           ... it is in the store
//   Heartbeat                     <->    every kHeartbeat; timeout after kHeartbeatLimit
//                                  <-    Ask{question, arguments}               clients only
//   Answer{understood, text}       ->
//
// A pool outlives its connection, and its coordinator: it goes on computing, keeps its reports, and reconnects with the
// same identity. It then resends unrecorded reports, and each rank lists in RankReady the attempts it still holds.

inline constexpr int kProtocolVersion = 6;
inline constexpr int kHeartbeatSeconds = 2;
inline constexpr int kHeartbeatLimitSeconds = 20;
/// Frame limit in both directions: metrics of a long training are the largest messages.
inline constexpr std::uint32_t kFrameLimitBytes = 16U << 20;
/// Frame limit before the proof: bounds the memory of an unauthenticated peer.
inline constexpr std::uint32_t kUnprovenFrameLimitBytes = 4096;

/// A peer's rights, by the key that it proves (authentication.h): compute; query and change; query only.
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
  std::string proof;  ///< that the coordinator knows the secret too
  std::string name;   ///< of this connection in logs and the database
};
struct Refused {
  std::string why;
};
struct PoolDescription {
  std::string label;  ///< given by its starter ("local-1"); "" if none
  std::string host;
  std::int64_t pid = 0;
  int ranks = 0;
  int numerics_epoch = 0;
  std::string identity;                           ///< 16 random bytes: the same for as long as the pool lives
  std::vector<std::string> labels = {};           ///< that jobs may require
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
  std::uint64_t sequence = 0;  ///< counts the pool's frames from 1; duplicates are dropped
};
struct Leave {};
struct Leaving {
  LossCause cause = LossCause::drained;
};
/// Every frame of the pool up to this one is in the database: it may drop them.
struct Recorded {
  std::uint64_t sequence = 0;
};
struct Heartbeat {};
/// A client's request; docs/protocol.md lists them.
struct Ask {
  std::string question;
  std::string arguments;  ///< JSON
};
struct Answer {
  bool understood = true;  ///< false: nothing was done
  std::string text;        ///< JSON; or the error message
};

/// Bytes of a file piece; the last one may be shorter.
inline constexpr std::uint64_t kFilePieceBytes = 1U << 20;
/// Most open piece requests of one pool and direction: bounds the delay of other messages.
inline constexpr int kPiecesOnTheWay = 4;
inline constexpr std::uint64_t kLargestFileBytes = std::uint64_t{1} << 36;

/// The content of STORE/pools/probe: a pool that reads the same bytes there shares the store.
struct StoreHere {
  std::string probe;
};
/// Requests one piece, from `offset`. Either side may send it; from the coordinator, `rank` is the file's owner.
struct FetchFile {
  int rank = 0;
  FileName file;
  StageKey stage;  ///< that wrote or reads the file: it must name the file
  std::uint64_t offset = 0;
};
struct FilePiece {
  int rank = 0;
  FileName file;
  std::uint64_t offset = 0;
  std::uint64_t total = 0;  ///< bytes of the whole file
  Digest sha256{};          ///< of the whole file: if it changes, the file is fetched anew
  std::string bytes;        ///< at most kFilePieceBytes
};
struct FileMissing {
  int rank = 0;
  FileName file;
  std::string why;
};
/// Offers a rank's file to the coordinator, which fetches it later.
struct OfferFile {
  int rank = 0;
  FileName file;  ///< artifact, resume or checkpoint
  StageKey stage;
  std::uint64_t total = 0;
  Digest sha256{};
};
/// The offered file is in the store, or is rejected.
struct FileStored {
  int rank = 0;
  FileName file;
  Digest sha256{};  ///< of the offered file
  std::string why;  ///< of the rejection; "" if it is in the store
};
using Message =
    std::variant<Challenge, Hello, Welcome, Refused, PoolDescription, ToRank, FromRank, Leave, Leaving, Heartbeat,
                 Recorded, Ask, Answer, StoreHere, FetchFile, FilePiece, FileMissing, OfferFile, FileStored>;

// Between the coordinator and a rank, through the gateway.

struct RunJob {
  Job job;
  bool alone = false;          ///< nothing else runs in the pool: it may use all of its memory
  std::vector<int> gang = {};  ///< ranks that run it together, the leader first; sent to each. Empty: one rank
};
struct StopJob {
  std::uint64_t attempt = 0;  ///< checkpoint it and report JobEnded{interrupted}
};
using RankCommand = std::variant<RunJob, StopJob>;

/// Sent when the rank can take jobs, and again whenever the pool reconnects.
struct RankReady {
  std::string environment;          ///< JSON
  std::string host;                 ///< of the rank
  std::vector<std::uint64_t> held;  ///< attempts it runs or has queued, in order
  std::string gpu = {};             ///< which of the host's it computes on, as "cuda:0"; "" for none
  double memory_gb = 0;             ///< that it may use; 0: no limit
  int cores = 0;                    ///< of its host
};
struct StageReached {
  StageOutcome outcome;
};
struct JobEnded {
  std::uint64_t attempt = 0;
  bool interrupted = false;              ///< some of its stages have no outcome; their work so far is in a checkpoint
  bool started = true;                   ///< false: it was only queued
  bool progressed = true;                ///< interrupted: it reached a stage, or wrote a newer checkpoint
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
/// Before the proof: as decode_message, but only Challenge, Hello, Welcome and Refused are decoded.
Message decode_handshake(std::string_view bytes);
std::string encode(const std::vector<RankCommand>& commands);
std::vector<RankCommand> decode_commands(std::string_view bytes);
std::string encode(const std::vector<RankReport>& reports);
std::vector<RankReport> decode_reports(std::string_view bytes);

}  // namespace espalier
