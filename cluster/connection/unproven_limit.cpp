#include "cluster/connection/unproven_limit.h"

#include <algorithm>
#include <sys/resource.h>

namespace espalier {

std::size_t most_unproven(std::uint64_t most_open_files) {
  constexpr std::uint64_t kMost = 64;
  return static_cast<std::size_t>(std::clamp<std::uint64_t>(most_open_files / 4, 1, kMost));
}

std::size_t most_unproven() {
  rlimit files{};
  return most_unproven(::getrlimit(RLIMIT_NOFILE, &files) == 0 ? files.rlim_cur : 0);
}

void UnprovenLimit::add(const ConnectionPtr& connection) {
  std::erase_if(connections_, [](const std::weak_ptr<Connection>& known) {
    const ConnectionPtr alive = known.lock();
    return !alive || alive->trusted() || !alive->is_open();
  });
  connections_.push_back(connection);
  if (connections_.size() <= most_) return;
  if (const ConnectionPtr oldest = connections_.front().lock()) oldest->close();
  connections_.pop_front();
}

}  // namespace espalier
