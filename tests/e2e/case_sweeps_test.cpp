// What a collection of inputs that went wrong has as its sweep is what TinyStore's tests run, command by command.
#include "tests/e2e/tiny_store.h"
#include "tests/needs.h"

namespace espalier {
namespace {

TEST(CaseSweeps, AreTheOneThatTheStepsAreRunWith) {
  const std::filesystem::path cases = folder_named_by("ESPALIER_CASES", ESPALIER_CASES_DEFAULT);
  ESPALIER_NEEDS("cases", std::filesystem::is_directory(cases), "no folder " << cases << "; set ESPALIER_CASES");
  for (const char* name : {"01-output-lost", "02-output-replaces", "09-mpi-environment", "13-not-utf8",
                           "19-folder-gone", "22-not-allowed"}) {
    std::ifstream in(cases / name / "ok.yaml");
    EXPECT_EQ(std::string(std::istreambuf_iterator<char>(in), {}), kTinySweep) << name;
  }
}

}  // namespace
}  // namespace espalier
