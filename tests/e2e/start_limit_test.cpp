// What hangs before it has begun.
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <thread>

#include "tests/e2e/sweep_case.h"

namespace espalier {
namespace {

class StartLimit : public SweepCase {
 protected:
  std::string pretend(const std::string& name, const std::string& text) {
    const std::string path = write(name, "#!/bin/sh\n" + text);
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
    return path;
  }
};

TEST_F(StartLimit, ALauncherThatStartsNobodyIsGivenUpByName) {
  pretend("mpirun", "exec sleep 1000\n");
  const ProgramEnd end = Program(espalier_command({"run", small_sweep(), "--store", store(), "--workers", "2",
                                                   "--start-limit", "1", "--pool-starts", "2"}),
                                 {{"PATH", folder_.string() + ":" + std::getenv("PATH")}})
                             .wait(60);
  EXPECT_EQ(end.exit_code, 3) << end.out << end.err;
  EXPECT_NE(end.out.find("pool local-1 has not joined within 1 s of its start"), std::string::npos) << end.out;
  EXPECT_NE(end.err.find("did not join within 1 s 2 times in a row"), std::string::npos) << end.err;
}

TEST_F(StartLimit, ARankWhoseFellowsNeverComeEndsWithASentence) {
  const auto bin = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  const std::string rank =
      pretend("rank", "[ $OMPI_COMM_WORLD_RANK = 1 ] && exec sleep 1000\nexec " + (bin / "espalier-worker").string() +
                          " --store " + store() + " --start-limit 2\n");
  const ProgramEnd end = Program({"/usr/bin/mpirun", "-np", "2", "--oversubscribe", "--bind-to", "none", rank},
                                 {{"OMPI_ALLOW_RUN_AS_ROOT", "1"}, {"OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1"}})
                             .wait(60);
  EXPECT_NE(end.exit_code, 0);
  EXPECT_LT(end.seconds, 30) << end.out << end.err;
  EXPECT_NE(end.err.find("MPI did not start within --start-limit"), std::string::npos) << end.out << end.err;
}

TEST_F(StartLimit, ACoordinatorThatIsToStopWaitsForNoLookAtAModule) {
  std::filesystem::copy_file(espalier_command({})[0], folder_ / "espalier");
  const std::string begun = (folder_ / "begun").string();
  pretend("espalier-worker", "touch " + begun + "; exec sleep 1000\n");
  const std::string module = write("endless.pt", "any bytes");
  const std::string sweep = write(
      "endless.yaml", "sweep: endless\ndataset: {name: glyphs, train: 100, test: 50}\nmodel: {torchscript: " + module +
                          "}\nseeds: 1\ntrain: {optimizer: sgd, lr: 0.1, epochs: 1}\n");
  Program coordinator({(folder_ / "espalier").string(), "serve", "--store", store()});
  while (coordinator.running() && coordinator.out().find("listening on") == std::string::npos)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  Program client(espalier_command({"submit", sweep, "--store", store()}));
  while (client.running() && !std::filesystem::exists(begun))
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  coordinator.signal(SIGTERM);
  EXPECT_LT(coordinator.wait(60).seconds, 50);
  EXPECT_NE(client.wait(60).err.find("stop"), std::string::npos);
}

// Who listens and is too busy to answer is not gone.
TEST_F(StartLimit, APoolWaitsForACoordinatorThatIsBusy) {
  Program coordinator(espalier_command({"serve", "--store", store()}));
  const auto listens = [&] { return coordinator.out().find("listening on") != std::string::npos; };
  for (int tenths = 0; tenths < 300 && !listens(); ++tenths)
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  ASSERT_TRUE(listens()) << coordinator.out();
  coordinator.signal(SIGSTOP);
  const auto bin = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  Program pool({(bin / "espalier-worker").string(), "--store", store(), "--label", "early", "--idle-limit", "10"});
  // After the ten seconds that one handshake may take, and its own start.
  const auto tries_again = [&] { return pool.err().find("trying again for 60 s") != std::string::npos; };
  while (pool.running() && !tries_again()) std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_TRUE(pool.running()) << pool.err();
  coordinator.signal(SIGCONT);
  const auto joined = [&] {
    return espalier({"logs", "early", "--store", store()}).out.find("joined the coordinator") != std::string::npos;
  };
  for (int tenths = 0; tenths < 300 && !joined(); ++tenths) std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_TRUE(joined());
  coordinator.signal(SIGTERM);
  const ProgramEnd end = pool.wait(30);
  EXPECT_EQ(end.exit_code, 0) << end.err;
  EXPECT_NE(end.err.find("it may be a coordinator that is busy"), std::string::npos) << end.err;
}

TEST_F(StartLimit, ALookAtAModuleHasOneAndSaysWhatItWaitsFor) {
  const std::filesystem::path espalier = espalier_command({})[0];
  std::filesystem::copy_file(espalier, folder_ / "espalier");
  pretend("espalier-worker", "exec sleep 1000\n");
  const std::string module = write("endless.pt", "any bytes");
  const std::string sweep = write(
      "endless.yaml", "sweep: endless\ndataset: {name: glyphs, train: 100, test: 50}\nmodel: {torchscript: " + module +
                          "}\nseeds: 1\ntrain: {optimizer: sgd, lr: 0.1, epochs: 1}\n");
  const auto check = [&](const char* limit) {
    return Program({(folder_ / "espalier").string(), "check", sweep}, {{"ESPALIER_LOOK_LIMIT", limit}}).wait(30);
  };
  const ProgramEnd end = check("3");
  EXPECT_EQ(end.exit_code, 2) << end.out << end.err;
  EXPECT_NE(end.err.find(module + ": still waiting for espalier-worker"), std::string::npos) << end.err;
  EXPECT_NE(end.err.find("did not come to an end within 3 s"), std::string::npos) << end.err;
  EXPECT_NE(end.err.find("ESPALIER_LOOK_LIMIT=SECONDS"), std::string::npos) << end.err;
  EXPECT_EQ(check("1").err.find("still waiting"), std::string::npos);
  EXPECT_NE(check("soon").err.find("needs whole seconds"), std::string::npos);
}

}  // namespace
}  // namespace espalier
