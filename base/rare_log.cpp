#include "base/rare_log.h"

#include <utility>

#include <fmt/format.h>

#include "base/grouped_digits.h"

namespace espalier {
namespace {

constexpr double kMinute = 60;

}  // namespace

bool RareLog::count(const std::string& last, double now) {
  if (more_ == 0 && now - since_ >= kMinute) {
    since_ = now;
    return true;
  }
  ++more_;
  last_ = last;
  return false;
}

std::string RareLog::sum_up(const std::string& what, double now) {
  if (more_ == 0 || now - since_ < kMinute) return "";
  since_ = now;
  return fmt::format("{} more {} in the last minute, the last {}", grouped(std::exchange(more_, 0)), what, last_);
}

}  // namespace espalier
