#include "orchestrator/pools/pool_evidence.h"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <utility>

#include "cluster/postmortem/crash_note.h"
#include "cluster/postmortem/oom_kills.h"

namespace espalier {
namespace {

constexpr std::uintmax_t kLogBytes = 4000;
/// Files bear the time of the last tick, which is a little behind the clock.
constexpr std::chrono::milliseconds kClockSlack{500};
constexpr std::uintmax_t kLauncherLogBytes = 64U << 10;

std::uintmax_t size_of(const std::filesystem::path& file) {
  std::error_code missing;
  const std::uintmax_t size = std::filesystem::file_size(file, missing);
  return missing ? 0 : size;
}

}  // namespace

std::string last_lines(const std::filesystem::path& file, std::uintmax_t most, std::uintmax_t from) {
  std::ifstream in(file, std::ios::binary);
  if (!in) return "";
  const std::uintmax_t size = size_of(file);
  const std::uintmax_t begin = std::max(from, size > most ? size - most : 0);
  if (begin >= size) return "";
  in.seekg(static_cast<std::streamoff>(begin));
  std::string text(static_cast<std::size_t>(size - begin), '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (begin > from) text.erase(0, std::min(text.size(), text.find('\n') + 1));
  return text;
}

std::optional<RankEnd> culprit_in_log(const std::string& log) {
  for (std::size_t at = log.find("rank "); at != std::string::npos; at = log.find("rank ", at + 1)) {
    int rank = 0, signal = 0;
    if (std::sscanf(log.c_str() + at, "rank %6d with PID %*d on node %*s exited on signal %3d", &rank, &signal) != 2)
      continue;
    if (rank < 0 || signal == SIGTERM) continue;  // the launcher ends the other ranks with it
    RankEnd end;
    end.rank = rank;
    end.signal = signal;
    end.message = "its process was ended by signal " + std::to_string(signal);
    return end;
  }
  return std::nullopt;
}

PoolEvidence::PoolEvidence(std::filesystem::path logs, std::string label, int ranks)
    : logs_(std::move(logs)),
      label_(std::move(label)),
      ranks_(ranks),
      log_begins_at_(size_of(logs_ / (label_ + ".log"))),
      started_(std::filesystem::file_time_type::clock::now() - kClockSlack),
      oom_kills_(oom_kills_so_far()) {}

std::filesystem::path PoolEvidence::rank_log(int rank) const {
  return logs_ / (label_ + ".rank" + std::to_string(rank) + ".log");
}

PoolEnd PoolEvidence::gather(const ProcessEnd& ended) const {
  PoolEnd end;
  end.cause = LossCause::signal;
  end.why = "its mpirun " + ended.text;
  end.signal = ended.signal;
  end.exit_code = ended.exit_code;
  for (int rank = 0; rank < ranks_; ++rank) {
    end.logs.push_back(last_lines(rank_log(rank), kLogBytes));
    const std::filesystem::path file = crash_note_path(logs_, label_, rank);
    std::error_code missing;
    if (std::filesystem::last_write_time(file, missing) < started_ || missing) continue;  // an earlier pool's
    const auto note = read_crash_note(file);
    if (!note) continue;
    end.culprits.push_back({rank, note->attempt, note->cause,
                            note->signal == 0 ? std::nullopt : std::optional(note->signal), note->message,
                            note->backtrace});
  }
  if (!end.culprits.empty()) return end;
  if (auto culprit = culprit_in_log(last_lines(logs_ / (label_ + ".log"), kLauncherLogBytes, log_begins_at_))) {
    if (culprit->signal == SIGKILL && oom_kills_so_far() > oom_kills_) {
      culprit->cause = LossCause::oom_host;
      culprit->message = "the system killed it because memory ran out";
    }
    end.culprits.push_back(std::move(*culprit));
  }
  return end;
}

}  // namespace espalier
