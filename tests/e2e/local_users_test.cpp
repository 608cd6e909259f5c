// Somebody else on this machine, or a careless hand in the store: neither gets a secret nor locks its owner out.
#include <csignal>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/base/other_user.h"
#include "tests/e2e/tiny_store.h"
#include "tests/needs.h"

namespace espalier {
namespace {

class LocalUsers : public TinyStore {
 protected:
  void SetUp() override {
    TinyStore::SetUp();
    ASSERT_EQ(::chmod(folder_.c_str(), 0755), 0);
  }
  static std::vector<std::string> as_nobody(std::vector<std::string> command) {
    const std::string id = std::to_string(kOtherUser);
    command.insert(command.begin(), {"/usr/bin/setpriv", "--reuid", id, "--regid", id, "--clear-groups"});
    return command;
  }
  std::unique_ptr<Program> serve() {
    auto program = std::make_unique<Program>(espalier_command({"serve", "--store", place("S").string()}));
    while (program->running() && !std::filesystem::exists(place("S/connection.json")))
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    return program;
  }
};

TEST_F(LocalUsers, WhoWaitsUnderATemporaryNameCatchesNoSecret) {
  ESPALIER_NEEDS("users", can_be_other_user(), "only root can be another user; run the tests as root");
  const std::filesystem::path group = place("group");
  std::filesystem::create_directory(group);
  ASSERT_EQ(::chmod(group.c_str(), 0777), 0);
  const std::string wait = "for n in $(seq $$ $(($$ + 400))); do echo mine > " + group.string() +
                           "/pool.token.tmp$n; done; chmod 666 " + group.string() + "/*; ln -s " +
                           place("S/coordinator.lock").string() + " " + group.string() + "/link.tmp1";
  ASSERT_EQ(Program(as_nobody({"/bin/sh", "-c", wait})).wait(30).exit_code, 0);
  // Whoever may write in the folder may replace the token, too.
  expect_step({"token write group/pool.token --store S", 2, "group"});
  EXPECT_FALSE(std::filesystem::exists(group / "pool.token"));
  ASSERT_EQ(::chmod(group.c_str(), 01777), 0);  // where each keeps his own
  expect_step({"token write group/pool.token --store S", 0, "certificate"});
  struct stat status {};
  ASSERT_EQ(::stat((group / "pool.token").c_str(), &status), 0);
  EXPECT_EQ(status.st_uid, ::geteuid());
  EXPECT_EQ(status.st_mode & 0777, 0600U);
  for (const auto& entry : std::filesystem::directory_iterator(group)) {
    if (entry.path().filename() == "pool.token" || entry.is_symlink()) continue;
    EXPECT_EQ(bytes_of("group/" + entry.path().filename().string()), "mine\n");
  }
}

TEST_F(LocalUsers, NobodyElseCanHoldTheLocksOfAStore) {
  ESPALIER_NEEDS("users", can_be_other_user(), "only root can be another user; run the tests as root");
  for (const char* lock : {"S/coordinator.lock", "S/pools/local-1.lock"}) {
    ASSERT_TRUE(std::filesystem::exists(place(lock)));
    Program holder(as_nobody({"/usr/bin/flock", "-x", place(lock).string(), "sleep", "100"}));
    EXPECT_NE(holder.wait(5).exit_code, 0) << lock;
    EXPECT_FALSE(holder.running());
  }
  expect_step({"run ok.yaml --set seeds=2 --store S --workers 1 --quiet", 0, "of 14 trials done"});
  // Who has the number of a pool that has ended is not killed for it.
  Program bystander({"/bin/sleep", "100"});
  write("S/pools/local-1.lock", std::to_string(bystander.pid()) + " 1\n");
  expect_step({"run ok.yaml --set seeds=3 --store S --workers 1 --quiet", 0, "of 21 trials done"});
  EXPECT_TRUE(bystander.running());
}

TEST_F(LocalUsers, ALogThatSomebodyLedElsewhereIsNotWritten) {
  write("real", "what was there");
  for (const char* log : {"coordinator.log", "local-1.log", "local-1.rank0.log", "local-1.rank0.crash"}) {
    std::filesystem::remove(place("S/logs") / log);
    std::filesystem::create_symlink(place("real"), place("S/logs") / log);
    const ProgramEnd end = run_line("run ok.yaml --set seeds=2 --store S --workers 1 --quiet --pool-starts 1");
    EXPECT_NE(end.exit_code, 0) << log;
    EXPECT_NE((end.out + end.err).find("is a symbolic link where a file of ours belongs"), std::string::npos)
        << log << ": " << end.out << end.err;
    EXPECT_EQ(bytes_of("real"), "what was there") << log;
    std::filesystem::remove(place("S/logs") / log);
  }
}

TEST_F(LocalUsers, AStoreWhoseLockIsGoneStillHasOneCoordinator) {
  const auto first = serve();
  std::filesystem::remove(place("S/coordinator.lock"));
  const std::string pid = "pid " + std::to_string(first->pid());
  for (const char* command : {"serve --store S", "run ok.yaml --store S", "retry ok.yaml --store S", "gc --store S",
                              "db check --repair --store S"})
    expect_step({command, 3, pid});
  expect_step({"ps --store S", 0, ""});
  EXPECT_TRUE(first->running());
  first->signal(SIGTERM);
  EXPECT_EQ(first->wait(30).exit_code, 0);
  expect_step({"gc --store S", 0, ""});
}

}  // namespace
}  // namespace espalier
