// What a collection of inputs that went wrong has as its sweep is what TinyStore's tests run, command by command.
#include <cstdlib>

#include "tests/e2e/tiny_store.h"

namespace espalier {
namespace {

TEST(CaseSweeps, AreTheOneThatTheStepsAreRunWith) {
  const char* given = std::getenv("ESPALIER_CASES");
  const std::filesystem::path cases = given == nullptr ? ESPALIER_CASES_DEFAULT : given;
  if (!std::filesystem::is_directory(cases))
    GTEST_SKIP() << cases << " is not there; ESPALIER_CASES names another folder of cases";
  for (const char* name : {"01-output-lost", "02-output-replaces", "09-mpi-environment", "13-not-utf8",
                           "19-folder-gone", "22-not-allowed"}) {
    std::ifstream in(cases / name / "ok.yaml");
    EXPECT_EQ(std::string(std::istreambuf_iterator<char>(in), {}), kTinySweep) << name;
  }
}

}  // namespace
}  // namespace espalier
