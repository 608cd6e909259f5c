#include "orchestrator/coordinator/progress.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/duration_text.h"

namespace espalier {

std::optional<double> seconds_left(const SweepStatus& status, std::optional<double> seconds_per_cost) {
  const std::optional<double> rate = status.seconds_per_cost ? status.seconds_per_cost : seconds_per_cost;
  if (!rate || status.ranks == 0 || status.remaining_cost <= 0) return std::nullopt;
  return std::max(status.remaining_cost / static_cast<double>(status.ranks), status.critical_path_cost) * *rate;
}

std::string progress_text(const SweepStatus& status, std::optional<double> seconds_per_cost, double elapsed_s) {
  std::string text = fmt::format("{}/{} trials, {}/{} stages, {} running, {} failed", status.trials_done, status.trials,
                                 status.stages_done, status.stages, status.jobs_running, status.trials_failed);
  if (!status.paused.empty()) return text + ", paused: " + status.paused;
  if (elapsed_s > 0 && status.jobs_finished > 0)
    text += fmt::format(", {:.3g} jobs/s", static_cast<double>(status.jobs_finished) / elapsed_s);
  if (const std::optional<double> left = seconds_left(status, seconds_per_cost))
    text += ", about " + duration_text(*left) + " left";
  return text;
}

void ProgressLine::update(const std::string& text, Now now) {
  constexpr Now kPipeInterval = 10;
  if (text == shown_ || (!terminal_ && now - last_ < kPipeInterval)) return;
  if (terminal_) {
    erase();
    out_ << text << std::flush;
  } else {
    out_ << text << std::endl;
  }
  shown_ = text;
  last_ = now;
}

void ProgressLine::notify_user(const std::string& text) {
  erase();
  out_ << text << std::endl;
  if (terminal_) out_ << shown_ << std::flush;
}

void ProgressLine::finish() {
  erase();
  shown_.clear();
  out_ << std::flush;
}

void ProgressLine::erase() {
  if (terminal_ && !shown_.empty()) out_ << "\r\033[K";
}

}  // namespace espalier
