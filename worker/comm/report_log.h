#pragma once

#include <cstdint>
#include <deque>
#include <filesystem>
#include <map>
#include <string>

#include "cluster/protocol/protocol.h"

namespace espalier {

/// The pool's reports that no coordinator has recorded yet, in the order they were made. Main thread of rank 0.
class ReportLog {
 public:
  /// `spool`: the folder for what could not be delivered.
  ReportLog(std::filesystem::path spool, std::string identity);

  /// Numbers the reports of a rank and keeps them.
  const FromRank& append(int rank, std::string reports);
  /// As append, without what matters only while somebody watches (progress). False if nothing else was in it.
  bool append_lasting(int rank, const std::string& reports);
  /// Everything up to `sequence` is in the database.
  void forget(std::uint64_t sequence);
  const std::deque<FromRank>& kept() const { return kept_; }
  /// Takes out what ranks said of themselves: before the rest is said again, as they say anew what they hold.
  void drop_introductions();

  /// Writes what is not on disk yet, so that it outlives this process. A disk that takes nothing is logged, and tried
  /// again with the next call.
  void spool();

 private:
  const std::filesystem::path folder_;
  const std::string identity_;
  std::deque<FromRank> kept_;
  std::map<int, std::string> environments_;  ///< by rank
  std::uint64_t last_ = 0;
  std::uint64_t spooled_ = 0;        ///< frames up to this one are on disk, or were recorded
  std::uint64_t first_spooled_ = 0;  ///< the first that may be there; 0: none was ever written
};

}  // namespace espalier
