#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

namespace espalier {

/// What one coroutine of an io_context has at a time, while the others wait. One thread.
class Turn {
 public:
  explicit Turn(boost::asio::io_context& io) : given_back_(io, boost::asio::steady_timer::time_point::max()) {}

  bool taken() const { return taken_; }
  /// Until nobody has it. Whoever then lets another coroutine run has to wait again, or to take it first.
  boost::asio::awaitable<void> wait();
  void take() { taken_ = true; }
  /// Those who wait go on, in the order in which they began to.
  void give_back();

 private:
  boost::asio::steady_timer given_back_;  ///< never expires; cancelled when it happens
  bool taken_ = false;
};

}  // namespace espalier
