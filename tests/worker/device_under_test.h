#pragma once

#include <cstdlib>
#include <string>

#include "tests/needs.h"
#include "worker/jobs/run_job.h"

namespace espalier {

/// What the tests with the label gpu compare with the CPU: $ESPALIER_TEST_DEVICE, else "cuda". "cpu" compares the CPU
/// with itself, which shows on a machine without a GPU that the tests run to their end.
inline std::string device_under_test() {
  const char* given = std::getenv("ESPALIER_TEST_DEVICE");
  return given == nullptr || given[0] == '\0' ? "cuda" : given;
}

inline bool device_under_test_is_there() {
  return device_under_test() == "cpu" || !gpu_of_device(device_under_test(), 0).empty();
}

}  // namespace espalier

/// For SetUp() of their fixtures.
#define ESPALIER_NEEDS_DEVICE_UNDER_TEST()                        \
  ESPALIER_NEEDS("gpu", ::espalier::device_under_test_is_there(), \
                 "LibTorch finds no GPU for the device \""        \
                     << ::espalier::device_under_test() << "\": tests/compat/gpu runs these tests where there is one")
