#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

namespace espalier {

/// What is to happen in virtual time. What is due at the same time happens in the order in which it was scheduled.
template <typename Event>
class EventQueue {
 public:
  void schedule(double time, Event event) {
    heap_.push_back({time, ++scheduled_, std::move(event)});
    std::ranges::push_heap(heap_, later);
  }
  bool empty() const { return heap_.empty(); }
  /// The time of what is next, and that. There must be something.
  std::pair<double, Event> take() {
    std::ranges::pop_heap(heap_, later);
    std::pair<double, Event> first(heap_.back().time, std::move(heap_.back().event));
    heap_.pop_back();
    return first;
  }

 private:
  struct Entry {
    double time;
    std::uint64_t number;
    Event event;
  };
  static bool later(const Entry& a, const Entry& b) {
    return std::pair(a.time, a.number) > std::pair(b.time, b.number);
  }

  std::vector<Entry> heap_;
  std::uint64_t scheduled_ = 0;
};

}  // namespace espalier
