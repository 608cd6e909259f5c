#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

namespace espalier {

/// How long an I/O loop leaves what is due waiting. Beats every millisecond on the loop; a beat that comes late tells
/// how long the loop was at something else, or how long it had no core.
class LoopPulse {
 public:
  /// Begins to beat; `io` ends first.
  explicit LoopPulse(boost::asio::io_context& io);

  struct Longest {
    double wall_ms = 0;  ///< that a beat was late
    double cpu_ms = 0;   ///< that the loop's thread computed between two beats
  };
  /// Since the last call. The loop's thread.
  Longest take();

 private:
  boost::asio::awaitable<void> beat(boost::asio::io_context& io);

  Longest longest_;
};

}  // namespace espalier
