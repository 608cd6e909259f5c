#pragma once

#include <cstddef>
#include <functional>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>

namespace espalier {

/// What takes longer than an I/O loop may be busy is done here: on a thread of its own, one piece of work after the
/// other in the order they came. Everything but `work` runs on the io_context's thread.
class SideWork {
 public:
  /// `io` outlives this object.
  explicit SideWork(boost::asio::io_context& io) : io_(io) {}
  /// Waits for the work under way, and drops what has not begun.
  ~SideWork();
  SideWork(const SideWork&) = delete;
  SideWork& operator=(const SideWork&) = delete;

  /// Does `work` on the other thread; the coroutine that awaits it goes on here. Errors: whatever `work` throws.
  boost::asio::awaitable<void> run(std::function<void()> work);
  /// Nothing is under way or waits.
  bool idle() const { return unfinished_ == 0; }

 private:
  boost::asio::io_context& io_;
  std::size_t unfinished_ = 0;
  boost::asio::thread_pool thread_{1};
};

}  // namespace espalier
