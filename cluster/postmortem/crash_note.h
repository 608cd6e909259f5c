#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "experiments/stages/loss_cause.h"
#include "experiments/stages/stage.h"

namespace espalier {

/// What a rank wrote down as it died: which attempt it ran, and what hit it. The coordinator reads it when the rank's
/// pool is lost, so that the job that crashed is named at once.
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

/// None if there is no whole note. At most the first 64 KiB are looked at. Never throws for what is in the file.
std::optional<CrashNote> read_crash_note(const std::filesystem::path& path);

}  // namespace espalier
