#pragma once

#include <cstddef>
#include <functional>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>

namespace espalier {

/// Runs work that takes longer than an I/O loop may be busy, on its own thread, in order of submission. Everything
/// except `work` runs on the io_context's thread.
class SideWork {
 public:
  /// `io` outlives this object.
  explicit SideWork(boost::asio::io_context& io) : io_(io) {}
  /// Waits for the work under way, and drops queued work.
  ~SideWork();
  SideWork(const SideWork&) = delete;
  SideWork& operator=(const SideWork&) = delete;

  /// Runs `work` on the other thread; the awaiting coroutine resumes on this one. Errors: those of `work`.
  boost::asio::awaitable<void> run(std::function<void()> work);
  /// Nothing is under way or queued.
  bool idle() const { return unfinished_ == 0; }

 private:
  boost::asio::io_context& io_;
  std::size_t unfinished_ = 0;
  boost::asio::thread_pool thread_{1};
};

}  // namespace espalier
