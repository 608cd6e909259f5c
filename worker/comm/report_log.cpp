#include "worker/comm/report_log.h"

#include <algorithm>
#include <system_error>
#include <utility>
#include <variant>
#include <vector>

#include <spdlog/spdlog.h>

#include "base/error.h"
#include "cluster/files/spool.h"

namespace espalier {

ReportLog::ReportLog(std::filesystem::path spool, std::string identity)
    : folder_(std::move(spool)), identity_(std::move(identity)) {}

const FromRank& ReportLog::append(int rank, std::string reports) {
  // A rank introduces itself first; its environment is spooled with its reports.
  if (environments_.count(rank) == 0) {
    for (const RankReport& report : decode_reports(reports)) {
      if (const RankReady* ready = std::get_if<RankReady>(&report)) environments_[rank] = ready->environment;
    }
  }
  kept_.push_back({rank, std::move(reports), ++last_});
  return kept_.back();
}

bool ReportLog::append_lasting(int rank, const std::string& reports) {
  std::vector<RankReport> lasting = decode_reports(reports);
  std::erase_if(lasting, [](const RankReport& report) { return std::holds_alternative<JobProgress>(report); });
  if (lasting.empty()) return false;
  append(rank, encode(lasting));
  return true;
}

void ReportLog::forget(std::uint64_t sequence) {
  for (; !kept_.empty() && kept_.front().sequence <= sequence; kept_.pop_front()) {
    const std::uint64_t recorded = kept_.front().sequence;
    if (first_spooled_ == 0 || recorded < first_spooled_ || recorded > spooled_) continue;
    std::error_code ignored;  // a coordinator may have removed it
    std::filesystem::remove(spool_file(folder_, identity_, recorded), ignored);
  }
  spooled_ = std::max(spooled_, std::min(sequence, last_));
}

void ReportLog::drop_introductions() {
  for (FromRank& frame : kept_) {
    std::vector<RankReport> reports = decode_reports(frame.reports);
    const auto dropped =
        std::erase_if(reports, [](const RankReport& report) { return std::holds_alternative<RankReady>(report); });
    if (dropped > 0) frame.reports = encode(reports);
  }
}

void ReportLog::spool() {
  for (const FromRank& frame : kept_) {
    if (frame.sequence <= spooled_) continue;
    try {
      const auto environment = environments_.find(frame.rank);
      write_spooled(folder_, identity_, {environment == environments_.end() ? "" : environment->second, frame});
    } catch (const Error& error) {
      spdlog::error("reports could not be written down: {}", error.what());
      return;
    }
    if (first_spooled_ == 0) first_spooled_ = frame.sequence;
    spooled_ = frame.sequence;
  }
}

}  // namespace espalier
