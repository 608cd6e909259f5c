#pragma once

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace espalier {

/// What a test may need and a machine may lack, by the names that $ESPALIER_REQUIRE lists:
///   golden        other programs' vectors ($ESPALIER_GOLDEN)
///   cases         files that went wrong in the hands of others ($ESPALIER_CASES)
///   mnist, cifar10  the real data sets ($ESPALIER_TEST_DATA)
///   slurm         Slurm's daemons and the scripts that start them ($ESPALIER_SLURM)
///   network       network namespaces and the scripts that make them ($ESPALIER_NETNS)
///   python_torch  torch for python3
///   torchvision   torchvision for python3
///   gnuplot       gnuplot, which draws plots
///   npm           packages of npm, with npm and node (tests/worker/imports/npm_networks)
///   users         the right to be another user
///   mount         the right to mount a small disk
///   gpu           an NVIDIA GPU that this LibTorch computes on
inline constexpr std::string_view kNeeds[] = {"golden",       "cases",       "mnist", "cifar10", "slurm", "network",
                                              "python_torch", "torchvision", "gnuplot", "npm",   "users",   "mount", "gpu"};

inline bool is_required(std::string_view need) {
  const char* given = std::getenv("ESPALIER_REQUIRE");
  std::istringstream names(given == nullptr ? "" : given);
  bool listed = false;
  for (std::string name; names >> name;) {
    if (std::ranges::find(kNeeds, std::string_view(name)) == std::end(kNeeds))
      throw std::invalid_argument("ESPALIER_REQUIRE: nothing is called \"" + name +
                                  "\"; tests/needs.h lists the names");
    listed = listed || name == need;
  }
  return listed;
}

/// A name of kNeeds; another one does not compile.
consteval std::string_view known_need(std::string_view name) {
  if (std::ranges::find(kNeeds, name) == std::end(kNeeds)) throw std::invalid_argument("not listed in kNeeds");
  return name;
}

/// The folder that an environment variable names, else the default.
inline std::filesystem::path folder_named_by(const char* variable, const char* otherwise) {
  const char* given = std::getenv(variable);
  return given != nullptr && given[0] != '\0' ? given : otherwise;
}

}  // namespace espalier

/// Where the condition is false, skips the test, or fails it if $ESPALIER_REQUIRE lists the need. `what` says what is
/// missing and how to get it; it may be several values joined by <<.
#define ESPALIER_NEEDS(need, condition, what)                                                                         \
  do {                                                                                                                \
    const bool espalier_required = ::espalier::is_required(::espalier::known_need(need));                             \
    if (condition) break;                                                                                             \
    if (espalier_required) FAIL() << what << " (ESPALIER_REQUIRE lists \"" << (need) << "\": it may not be skipped)"; \
    GTEST_SKIP() << what;                                                                                             \
  } while (false)
