#pragma once

#include <cstdint>
#include <deque>
#include <filesystem>
#include <map>
#include <string>

#include "cluster/protocol/protocol.h"

namespace espalier {

/// The pool's reports that no coordinator has recorded yet, in order. Main thread of rank 0.
class ReportLog {
 public:
  /// `spool`: the folder for undelivered reports.
  ReportLog(std::filesystem::path spool, std::string identity);

  /// Numbers the reports of a rank and keeps them.
  const FromRank& append(int rank, std::string reports);
  /// As append, without progress reports, which matter only while connected. False if nothing else was in it.
  bool append_lasting(int rank, const std::string& reports);
  /// Everything up to `sequence` is in the database.
  void forget(std::uint64_t sequence);
  const std::deque<FromRank>& kept() const { return kept_; }
  /// Removes the ranks' introductions: call it before resending the rest, since ranks introduce themselves again.
  void drop_introductions();

  /// Writes reports that are not on disk yet, so that they outlive this process. A write error is logged, and retried
  /// with the next call.
  void spool();

 private:
  const std::filesystem::path folder_;
  const std::string identity_;
  std::deque<FromRank> kept_;
  std::map<int, std::string> environments_;  ///< by rank
  std::uint64_t last_ = 0;
  std::uint64_t spooled_ = 0;        ///< frames up to this one are on disk or recorded
  std::uint64_t first_spooled_ = 0;  ///< the first that may be on disk; 0: none was ever written
};

}  // namespace espalier
