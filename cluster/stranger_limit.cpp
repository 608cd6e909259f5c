#include "cluster/stranger_limit.h"

namespace espalier {

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

}  // namespace espalier
