// A job that crashes every rank that runs it, among fifty that do not: only it is quarantined, with its evidence.
#include <csignal>

#include "tests/e2e/poison_sweep.h"

namespace espalier {
namespace {

class Poison : public PoisonSweep {
 protected:
  nlohmann::json query(const std::string& sql) {
    const ProgramEnd end = Program({"/usr/bin/sqlite3", "-json", store() + "/espalier.db", sql}).wait();
    EXPECT_EQ(end.exit_code, 0) << end.err;
    return end.out.empty() ? nlohmann::json::array() : nlohmann::json::parse(end.out);
  }

  /// Runs it; all but the poison must be done and hardly disturbed. What was recorded when the poison was given up.
  nlohmann::json evidence_of(const std::string& poison, const std::vector<std::string>& options) {
    std::vector<std::string> command{"run", sweep_with(poison, 50), "--store", store(), "--workers", "4", "--quiet"};
    command.insert(command.end(), options.begin(), options.end());
    const ProgramEnd end = Program(espalier_command(command)).wait(400);
    EXPECT_EQ(end.exit_code, 1) << end.out << end.err;
    EXPECT_EQ(results_of(store()).size(), 50U);
    const nlohmann::json poisoned =
        query("select id, state from stages where kind = 'train' and label like '%torchscript%'");
    EXPECT_EQ(poisoned.size(), 1U);
    EXPECT_EQ(poisoned.at(0)["state"], "failed");
    const std::string id = poisoned.at(0)["id"].dump();
    EXPECT_EQ(query("select distinct stage_id from failures where quarantined = 1 and stage_id <> " + id).size(), 0U);
    const nlohmann::json charged = query(
        "select s.label, count(*) as times from attempts a join attempt_stages t on t.attempt = a.number "
        "join stages s on s.id = t.stage_id where a.cause is not null and a.started = 1 and s.label not like "
        "'%torchscript%' group by s.id having times > 1");
    EXPECT_EQ(charged.size(), 0U) << charged;
    const nlohmann::json failures = query("select * from failures where quarantined = 1 and stage_id = " + id);
    EXPECT_EQ(failures.size(), 1U);
    return failures.empty() ? nlohmann::json::object() : failures.at(0);
  }
};

TEST_F(Poison, TheOneThatCrashesIsNamedByItsNote) {
  const nlohmann::json evidence = evidence_of("crashes", {});
  EXPECT_EQ(evidence.value("cause", ""), "signal");
  EXPECT_EQ(evidence.value("signal", 0), SIGSEGV);
  EXPECT_NE(evidence.value("message", "").find("the stack overflowed"), std::string::npos) << evidence;
  EXPECT_NE(evidence.value("backtrace", "").find("libtorch"), std::string::npos) << evidence;
  EXPECT_FALSE(evidence.value("log", "").empty());
}

TEST_F(Poison, TheOneThatFillsMemoryIsRefusedMore) {
  const nlohmann::json evidence = evidence_of("fills_memory", {"--memory-per-rank", "1"});
  EXPECT_EQ(evidence.value("cause", ""), "oom_host");
  EXPECT_NE(evidence.value("message", "").find("out of memory"), std::string::npos) << evidence;
}

TEST_F(Poison, TheOneThatHangsIsKilled) {
  const nlohmann::json evidence = evidence_of("hangs", {"--hang-limit", "1"});
  EXPECT_EQ(evidence.value("cause", ""), "hung");
  EXPECT_NE(evidence.value("message", "").find("no progress for"), std::string::npos) << evidence;
  EXPECT_FALSE(evidence.value("backtrace", "").empty());
  EXPECT_FALSE(evidence.value("log", "").empty());
}

}  // namespace
}  // namespace espalier
