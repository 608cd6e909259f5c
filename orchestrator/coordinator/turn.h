#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

namespace espalier {

/// A mutex for the coroutines of one io_context. One thread.
class Turn {
 public:
  explicit Turn(boost::asio::io_context& io) : given_back_(io, boost::asio::steady_timer::time_point::max()) {}

  bool taken() const { return taken_; }
  /// Waits until it is free. A caller that then suspends has to wait again, or to take it first.
  boost::asio::awaitable<void> wait();
  void take() { taken_ = true; }
  /// Resumes the waiting coroutines in the order in which they began to wait.
  void give_back();

 private:
  boost::asio::steady_timer given_back_;  ///< never expires; cancelled when the turn is given back
  bool taken_ = false;
};

}  // namespace espalier
