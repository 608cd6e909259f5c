#include "worker/latency/turns.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "worker/latency/paired_ratio.h"

namespace espalier {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double kWindowMs = 20, kSampleMs = 2;
constexpr double kWarmAgreement = 0.02, kWarmShare = 0.25;
constexpr double kNarrow = 0.02;
constexpr std::size_t kFewestTurns = 10, kMostTurns = 5000;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Milliseconds of a pass, once they do not change any more.
double warmed_up(const TimedNetwork& network, double limit_s, const TurnLimits& limits) {
  const Clock::time_point start = Clock::now();
  double before = 0;
  std::int64_t passes = 1;
  while (true) {
    const double pass = std::max(network.run_ms(passes) / static_cast<double>(passes), 1e-9);
    const bool long_enough = static_cast<double>(passes) * pass >= kWindowMs / 2;
    if (long_enough && std::abs(pass - before) <= kWarmAgreement * pass) return pass;
    if (seconds_since(start) > limit_s || limits.should_stop()) return pass;
    before = long_enough ? pass : 0;
    passes = std::max<std::int64_t>(1, std::llround(kWindowMs / pass));
  }
}

void summarize(LatencyMeasurement& measured) {
  for (NetworkTimes& times : measured.networks) {
    times.median_ms = quantile(times.samples_ms, 0.5);
    times.p10_ms = quantile(times.samples_ms, 0.1);
    times.p90_ms = quantile(times.samples_ms, 0.9);
    if (&times == &measured.networks.front()) continue;
    const RatioInterval ratio = paired_ratio(measured.networks.front().samples_ms, times.samples_ms);
    times.speedup = ratio.ratio;
    times.speedup_low = ratio.low;
    times.speedup_high = ratio.high;
  }
}

bool is_narrow(const LatencyMeasurement& measured) {
  if (measured.networks.size() < 2) return true;
  const RatioInterval found = paired_ratio(measured.networks[0].samples_ms, measured.networks[1].samples_ms);
  return found.high - found.low < kNarrow * found.ratio;
}

}  // namespace

LatencyMeasurement measure_in_turns(const std::vector<TimedNetwork>& networks, const TurnLimits& limits) {
  const Clock::time_point start = Clock::now();
  LatencyMeasurement measured;
  std::vector<std::int64_t> passes;
  for (const TimedNetwork& network : networks) {
    measured.networks.push_back({network.name, {}});
    const double share = kWarmShare * limits.time_limit_s / static_cast<double>(networks.size());
    const double pass = warmed_up(network, share, limits);
    passes.push_back(std::max<std::int64_t>(1, static_cast<std::int64_t>(std::ceil(kSampleMs / pass))));
  }
  for (std::size_t turn = 1; turn <= kMostTurns && !limits.should_stop(); ++turn) {
    std::vector<double> both(networks.size(), 0);
    const auto add = [&](std::size_t i) { both[i] += networks[i].run_ms(passes[i]) / static_cast<double>(passes[i]); };
    for (std::size_t i = 0; i < networks.size(); ++i) add(i);
    for (std::size_t i = networks.size(); i-- > 0;) add(i);
    for (std::size_t i = 0; i < networks.size(); ++i) {
      constexpr double kLeast = 1e-9;  // a clock may stand still
      measured.networks[i].samples_ms.push_back(std::max(both[i] / 2, kLeast));
    }
    if (turn % kFewestTurns == 0) measured.settled = is_narrow(measured);
    if (measured.settled) break;
    if (seconds_since(start) > limits.time_limit_s && turn >= 2) break;
  }
  if (!measured.networks.front().samples_ms.empty()) summarize(measured);
  return measured;
}

}  // namespace espalier
