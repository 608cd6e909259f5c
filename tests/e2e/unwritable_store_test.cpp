// A store that cannot be written for a while is no job's fault.
#include <chrono>
#include <thread>
#include <unistd.h>

#include "tests/e2e/sweep_case.h"
#include "tests/needs.h"

namespace espalier {
namespace {

constexpr uid_t kNobody = 65534;

class UnwritableStore : public SweepCase {
 protected:
  /// Permissions do not bind root.
  std::vector<std::string> without_privileges(std::vector<std::string> command) const {
    if (::geteuid() != 0) return command;
    const std::string id = std::to_string(kNobody);
    EXPECT_EQ(::chown(folder_.c_str(), kNobody, kNobody), 0);
    std::vector<std::string> as_nobody{"/usr/bin/setpriv", "--reuid", id, "--regid", id, "--clear-groups"};
    as_nobody.insert(as_nobody.end(), command.begin(), command.end());
    return as_nobody;
  }
  void set_writable(bool writable) {
    EXPECT_EQ(Program({"/bin/chmod", "-R", writable ? "u+w" : "a-w", store() + "/artifacts"}).wait().exit_code, 0);
  }
};

TEST_F(UnwritableStore, PausesTheSweepAndChargesNobody) {
  const std::map<std::string, std::string> environment{{"HOME", folder_.string()}, {"TMPDIR", folder_.string()}};
  const auto beside = espalier_command({})[0];
  ESPALIER_NEEDS("users", Program(without_privileges({beside, "--version"}), environment).wait().exit_code == 0,
                 "nobody may not run " << beside << "; run the tests as root, in a folder that everybody may read");
  const std::string sweep = small_sweep(2);
  Program run(without_privileges(espalier_command({"run", sweep, "--store", store(), "--workers", "2", "--quiet"})),
              environment);
  wait_for_results(store(), 3, run);
  set_writable(false);
  for (int tenths = 0; tenths < 300 && run.out().find("paused: ") == std::string::npos; ++tenths)
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_NE(run.out().find("Permission denied"), std::string::npos) << run.out();
  set_writable(true);
  const ProgramEnd end = run.wait(120);
  EXPECT_EQ(end.exit_code, 0) << end.out << end.err;

  ASSERT_EQ(espalier({"run", sweep, "--store", store("calm"), "--workers", "2", "--quiet"}).exit_code, 0);
  EXPECT_EQ(results_of(store()), results_of(store("calm")));
}

}  // namespace
}  // namespace espalier
