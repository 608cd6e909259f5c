#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace espalier {

enum class Fault { kill_rank, kill_pool, kill_coordinator, drop_connection, preempt };
inline constexpr std::size_t kFaults = 5;
/// "kill-rank", ...: as the options of `espalier chaos` are called.
std::string_view to_string(Fault fault);

struct ChaosOptions {
  std::filesystem::path program;         ///< espalier itself
  std::vector<std::string> run;          ///< the sweep's file and the options of `espalier run`, without --store
  std::filesystem::path folder;          ///< for the stores: FOLDER/undisturbed, FOLDER/disturbed-1, ...
  std::array<double, kFaults> chance{};  ///< probability of the fault in a beat, by Fault
  double beat_s = 0.5;
  std::int64_t most = 50;  ///< faults; then the sweep runs undisturbed
  std::int64_t least = 0;  ///< faults; a sweep that ends before is run once more, in another store
  std::uint64_t seed = 0;
  double limit_s = 3600;  ///< of each of the two runs
};

struct ChaosReport {
  std::array<std::int64_t, kFaults> injected{};
  std::int64_t starts = 0;  ///< of the coordinator
  std::int64_t trials = 0;  ///< with a result in the undisturbed run
  std::vector<std::string> violations;
  std::int64_t faults() const;
};

/// Runs a sweep undisturbed and again with injected faults, and compares: every trial has its outcome, none twice, the
/// results are equal bit for bit (except times), and the database is intact. Faults are drawn from the seed; their
/// times depend on the clock. `say` gets a line for each. Errors: ErrorKind::unavailable if a run cannot be started or
/// does not end, ErrorKind::invalid_input if the sweep is refused.
ChaosReport run_chaos(const ChaosOptions& options, const std::function<void(const std::string&)>& say);

}  // namespace espalier
