#include "orchestrator/transfer/placed_files.h"

namespace espalier {
namespace {

/// A stage's last piece gets from the loop to the disk before so many further stages end.
constexpr std::size_t kMostSettled = 1000;

}  // namespace

void PlacedFiles::expect(const StageKey& stage) {
  const std::lock_guard lock(mutex_);
  entries_[stage].settled = false;
}

bool PlacedFiles::place(const StageKey& stage, const Digest& sha256, const std::function<void()>& rename) {
  const std::lock_guard lock(mutex_);
  Entry& entry = entries_[stage];
  if (entry.settled) return false;
  rename();
  entry.placed = sha256;
  return true;
}

bool PlacedFiles::settle(const StageKey& stage, const std::string& sha256) {
  const std::lock_guard lock(mutex_);
  const auto entry = entries_.find(stage);
  if (entry == entries_.end()) return true;
  if (entry->second.placed && to_hex(*entry->second.placed) != sha256) return false;
  if (!entry->second.settled) settled_.push_back(stage);
  entry->second.settled = true;
  if (settled_.size() > kMostSettled) {
    const auto oldest = entries_.find(settled_.front());
    if (oldest != entries_.end() && oldest->second.settled) entries_.erase(oldest);  // else it is made again
    settled_.pop_front();
  }
  return true;
}

}  // namespace espalier
