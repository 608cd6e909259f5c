#include "tests/orchestrator/coordinator/loop_pulse.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/clock.h"

namespace espalier {

namespace asio = boost::asio;

LoopPulse::LoopPulse(asio::io_context& io) {
  asio::co_spawn(io, beat(io), asio::detached);
}

asio::awaitable<void> LoopPulse::beat(asio::io_context& io) {
  asio::steady_timer timer(io);
  double cpu = processor_seconds();
  while (true) {
    const auto due = std::chrono::steady_clock::now() + std::chrono::milliseconds(1);
    timer.expires_at(due);
    co_await timer.async_wait(asio::use_awaitable);
    const std::chrono::duration<double, std::milli> late = std::chrono::steady_clock::now() - due;
    const double before = std::exchange(cpu, processor_seconds());
    longest_.wall_ms = std::max(longest_.wall_ms, late.count());
    longest_.cpu_ms = std::max(longest_.cpu_ms, 1e3 * (cpu - before));
  }
}

LoopPulse::Longest LoopPulse::take() {
  return std::exchange(longest_, {});
}

}  // namespace espalier
