#include "tests/orchestrator/loop_pulse.h"

#include <algorithm>
#include <chrono>
#include <ctime>
#include <exception>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace espalier {

namespace asio = boost::asio;

namespace {

double thread_cpu_ms() {
  timespec used{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return 1e3 * static_cast<double>(used.tv_sec) + 1e-6 * static_cast<double>(used.tv_nsec);
}

}  // namespace

LoopPulse::LoopPulse(asio::io_context& io) {
  asio::co_spawn(io, beat(io), asio::detached);
}

asio::awaitable<void> LoopPulse::beat(asio::io_context& io) {
  asio::steady_timer timer(io);
  double cpu = thread_cpu_ms();
  while (true) {
    const auto due = std::chrono::steady_clock::now() + std::chrono::milliseconds(1);
    timer.expires_at(due);
    co_await timer.async_wait(asio::use_awaitable);
    const std::chrono::duration<double, std::milli> late = std::chrono::steady_clock::now() - due;
    const double before = std::exchange(cpu, thread_cpu_ms());
    longest_.wall_ms = std::max(longest_.wall_ms, late.count());
    longest_.cpu_ms = std::max(longest_.cpu_ms, cpu - before);
  }
}

LoopPulse::Longest LoopPulse::take() {
  return std::exchange(longest_, {});
}

}  // namespace espalier
