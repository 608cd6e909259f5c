#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "experiments/stages/loss_cause.h"
#include "experiments/stages/stage.h"

namespace espalier {

/// A dying rank's record of its attempt and the cause. The coordinator reads it when the rank's pool is lost, so that
/// the job that crashed is known at once.
///
/// The file is lines of text, because a signal handler writes it: `espalier-crash 1`, `attempt N`, `stage KEY` (or
/// `stage -`), `signal N`, `cause NAME`, `message TEXT`, `backtrace`, and the backtrace to the end of the file.
struct CrashNote {
  std::uint64_t attempt = 0;
  std::optional<StageKey> stage;
  int signal = 0;  ///< 0 if none ended it
  LossCause cause = LossCause::signal;
  std::string message;
  std::string backtrace;
};

/// LOGS/LABEL.rankN.crash. Empty or missing while nothing is wrong; emptied when the rank starts.
std::filesystem::path crash_note_path(const std::filesystem::path& logs, const std::string& label, int rank);

/// None if there is no whole note. Reads at most the first 64 KiB. Never throws for the file's content.
std::optional<CrashNote> read_crash_note(const std::filesystem::path& path);

}  // namespace espalier
