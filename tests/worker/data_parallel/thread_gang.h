#pragma once

#include <condition_variable>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <numeric>
#include <thread>
#include <utility>
#include <vector>

#include "worker/data_parallel/gang.h"

namespace espalier {

/// A gang whose members are threads of this process: the sums are real, and made in the members' order.
class ThreadLine {
 public:
  explicit ThreadLine(int members) : members_(static_cast<std::size_t>(members)) {}

  template <typename Value>
  void hand_in(Gang::Ticket ticket, std::size_t member, std::shared_ptr<Value> values, std::size_t count) {
    const std::lock_guard lock(mutex_);
    Slot& slot = slots_[ticket];
    slot.values.resize(members_);
    slot.values[member] = std::move(values);
    if (++slot.arrived < members_) return;
    for (std::size_t i = 0; i < count; ++i) {
      Value total = 0;
      for (const auto& each : slot.values) total += static_cast<Value*>(each.get())[i];
      for (const auto& each : slot.values) static_cast<Value*>(each.get())[i] = total;
    }
    slot.done = true;
    changed_.notify_all();
  }

  void wait(Gang::Ticket ticket) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return broken_ || slots_[ticket].done; });
    if (!slots_[ticket].done) throw GangBroken(failure_);
  }

  void break_up(const std::optional<Failure>& failure) {
    const std::lock_guard lock(mutex_);
    if (std::exchange(broken_, true)) return;
    failure_ = failure;
    changed_.notify_all();
  }

 private:
  struct Slot {
    std::vector<std::shared_ptr<void>> values;
    std::size_t arrived = 0;
    bool done = false;
  };
  const std::size_t members_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<Gang::Ticket, Slot> slots_;
  bool broken_ = false;
  std::optional<Failure> failure_;
};

class ThreadGang : public Gang {
 public:
  ThreadGang(ThreadLine& line, int member, int members)
      : line_(line), member_(member), ranks_(static_cast<std::size_t>(members)) {
    std::iota(ranks_.begin(), ranks_.end(), 0);
  }
  const std::vector<int>& ranks() const override { return ranks_; }
  int member() const override { return member_; }
  Ticket sum(std::shared_ptr<float> values, std::size_t count) override { return hand_in(std::move(values), count); }
  Ticket sum(std::shared_ptr<double> values, std::size_t count) override { return hand_in(std::move(values), count); }
  void wait(Ticket ticket) override { line_.wait(ticket); }
  void give_up() override { line_.break_up(std::nullopt); }

 private:
  template <typename Value>
  Ticket hand_in(std::shared_ptr<Value> values, std::size_t count) {
    line_.hand_in(++last_, static_cast<std::size_t>(member_), std::move(values), count);
    return last_;
  }
  ThreadLine& line_;
  const int member_;
  std::vector<int> ranks_;
  Ticket last_ = 0;
};

/// Runs `work` as each member of a gang at once, and waits for all. Who throws breaks the gang; the first error but
/// GangBroken is thrown again.
inline void run_gang(int members, const std::function<void(Gang&)>& work) {
  ThreadLine line(members);
  std::vector<std::exception_ptr> errors(static_cast<std::size_t>(members));
  std::vector<std::thread> threads;
  for (int member = 0; member < members; ++member) {
    threads.emplace_back([&, member] {
      try {
        ThreadGang gang(line, member, members);
        work(gang);
      } catch (const GangBroken&) {
        return;
      } catch (...) {
        errors[static_cast<std::size_t>(member)] = std::current_exception();
        line.break_up(std::nullopt);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::exception_ptr& error : errors) {
    if (error) std::rethrow_exception(error);
  }
}

}  // namespace espalier
