#include "cluster/stranger_limit.h"

#include <algorithm>
#include <sys/resource.h>
#include <utility>

#include <fmt/format.h>

#include "base/grouped_digits.h"

namespace espalier {
namespace {

constexpr double kMinute = 60;

}  // namespace

std::size_t most_strangers(std::uint64_t most_open_files) {
  constexpr std::uint64_t kMost = 64;
  return static_cast<std::size_t>(std::clamp<std::uint64_t>(most_open_files / 4, 1, kMost));
}

std::size_t most_strangers() {
  rlimit files{};
  return most_strangers(::getrlimit(RLIMIT_NOFILE, &files) == 0 ? files.rlim_cur : 0);
}

void StrangerLimit::add(const ConnectionPtr& connection) {
  std::erase_if(strangers_, [](const std::weak_ptr<Connection>& known) {
    const ConnectionPtr alive = known.lock();
    return !alive || alive->trusted() || !alive->is_open();
  });
  strangers_.push_back(connection);
  if (strangers_.size() <= most_) return;
  if (const ConnectionPtr oldest = strangers_.front().lock()) oldest->close();
  strangers_.pop_front();
}

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
