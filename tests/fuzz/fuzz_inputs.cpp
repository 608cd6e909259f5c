// Usage: fuzz_inputs TARGET COUNT SEED [FIRST]. Hands a target the inputs FIRST (0), FIRST + 1, ... of the run of SEED.
// With COUNT 1 the input is shown too. Without arguments: the targets.

#include <cstdio>
#include <string>

#include "tests/fuzz/driver.h"
#include "tests/fuzz/mutation.h"

namespace espalier {
namespace {

int run(const FuzzTarget& target, std::uint64_t count, std::uint64_t seed, std::uint64_t first) {
  if (count == 1) std::printf("%s\n", escaped(fuzz_input(target, seed, first), 1 << 16).c_str());
  const FuzzSummary summary = fuzz(target, seed, first, count);
  for (const FuzzFinding& finding : summary.findings) {
    std::printf("%s\n  %s\n  again: %s\n", finding.what.c_str(), finding.input.c_str(),
                replay_command(target, seed, finding.number).c_str());
  }
  std::printf(
      "%s: %llu inputs of seed %llu from %llu in %.1f s: %llu accepted, %zu findings; slowest %.3f s (input %llu); "
      "most "
      "held %.2f MiB (input %llu)\n",
      target.name.c_str(), static_cast<unsigned long long>(summary.inputs), static_cast<unsigned long long>(seed),
      static_cast<unsigned long long>(first), summary.seconds, static_cast<unsigned long long>(summary.accepted),
      summary.findings.size(), summary.slowest_seconds, static_cast<unsigned long long>(summary.slowest),
      static_cast<double>(summary.most_held) / (1 << 20), static_cast<unsigned long long>(summary.most_held_by));
  return summary.findings.empty() ? 0 : 1;
}

}  // namespace
}  // namespace espalier

int main(int argc, char** argv) {
  const auto number = [&](int at) { return argc > at ? std::stoull(argv[at]) : 0; };
  for (const espalier::FuzzTarget& target : espalier::fuzz_targets()) {
    if (argc < 4) std::printf("%s\n", target.name.c_str());
    if (argc >= 4 && target.name == argv[1]) return espalier::run(target, number(2), number(3), number(4));
  }
  return 2;
}
