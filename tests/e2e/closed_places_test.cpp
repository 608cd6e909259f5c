// A folder that is gone, that may not be entered, or that is a circle of links: said with its path and the reason.
#include <sys/stat.h>
#include <unistd.h>

#include "tests/base/other_user.h"
#include "tests/e2e/tiny_store.h"
#include "tests/needs.h"

namespace espalier {
namespace {

constexpr const char* kOnStores[] = {"run ok.yaml --workers 1",
                                     "run ok.yaml --detach",
                                     "retry ok.yaml",
                                     "serve",
                                     "serve --detach",
                                     "plan ok.yaml",
                                     "simulate ok.yaml",
                                     "submit ok.yaml",
                                     "results",
                                     "results --json",
                                     "status",
                                     "compare",
                                     "failures",
                                     "layers tiny",
                                     "overlap tiny",
                                     "sensitivity tiny",
                                     "explain 9",
                                     "logs local-1",
                                     "ps",
                                     "cancel tiny",
                                     "stop",
                                     "gc",
                                     "gc --dry-run",
                                     "db check",
                                     "db check --repair",
                                     "db backup mine/b",
                                     "export --trial 9 --weights mine/w",
                                     "token write mine/t",
                                     "token rotate",
                                     "pool slurm --time 10 --dry-run",
                                     "pool pbs --time 10 --dry-run"};

class ClosedPlaces : public TinyStore {
 protected:
  /// Its folder, as everybody may enter it; a copy of the program, which may lie where not everybody may.
  std::vector<std::string> as_nobody() {
    std::filesystem::copy_file(espalier_command({})[0], place("espalier"));
    std::filesystem::create_directory(place("mine"));
    EXPECT_EQ(::chown(place("mine").c_str(), kOtherUser, kOtherUser), 0);
    EXPECT_EQ(::chmod(folder_.c_str(), 0755), 0);
    const std::string id = std::to_string(kOtherUser);
    return {"/usr/bin/setpriv", "--reuid", id, "--regid", id, "--clear-groups", place("espalier").string()};
  }
  void expect_from(const std::vector<std::string>& program, const Step& step) {
    std::vector<std::string> command = program;
    for (const std::string& word : words_of(step.command)) command.push_back(word);
    const ProgramEnd end = Program(command, {{"ESPALIER_DATA", ""}}, folder_).wait(60);
    EXPECT_EQ(end.exit_code, step.exit_code) << step.command << ": " << end.err;
    EXPECT_NE(end.err.find(step.says), std::string::npos) << step.command << ": " << end.err;
    EXPECT_EQ(end.err.find("internal error"), std::string::npos) << step.command << ": " << end.err;
  }
};

TEST_F(ClosedPlaces, AFolderThatIsGone) {
  const std::string sweep = place("ok.yaml").string(), store = place("S").string();
  const auto from_nowhere = [&](const Step& step) {
    std::vector<std::string> command{"/bin/sh", "-c", "mkdir gone && cd gone && rmdir ../gone && exec \"$0\" \"$@\"",
                                     espalier_command({})[0]};
    expect_from({command}, step);
  };
  from_nowhere(
      {"run " + sweep, 2, "espalier-store: No such file or directory; the folder that this was started in is gone"});
  for (const char* command : {"serve", "serve --store x", "serve --detach", "chaos ok.yaml", "db check", "results",
                              "token write t", "gc", "pool slurm --time 10 --dry-run"})
    from_nowhere({command, 2, ""});
  for (const char* command : {"submit", "run --detach", "chaos"}) from_nowhere({command + (" " + sweep), 2, "is gone"});
  from_nowhere({"ps", 3, "espalier-store/connection.json"});
  from_nowhere({"export --trial KEY --weights w --store " + store, 2, "No such file or directory"});
  from_nowhere({"token write t --store " + store, 2, "No such file or directory"});
  from_nowhere({"db backup b --store " + store, 2, "No such file or directory"});
  // What needs no folder is none the worse.
  from_nowhere({"plan " + sweep, 0, ""});
  from_nowhere({"results --store " + store, 0, ""});
}

TEST_F(ClosedPlaces, AFolderThatMayNotBeEntered) {
  ESPALIER_NEEDS("users", can_be_other_user(), "only root can be another user; run the tests as root");
  const std::vector<std::string> nobody = as_nobody();
  std::filesystem::create_directory(place("locked"));
  std::filesystem::rename(place("S"), place("locked/S"));
  EXPECT_EQ(::chmod(place("locked").c_str(), 0700), 0);
  for (const std::string store : {"locked/S", "locked"}) {
    for (const char* command : kOnStores)
      expect_from(nobody, {command + (" --store " + store), 2, "Permission denied"});
  }
  for (const char* command :
       {"check locked/x.yaml", "run locked/x.yaml --store mine/S", "chaos ok.yaml --folder locked/x",
        "token write locked/x --store mine", "pool slurm --profile locked/x --store mine --time 10 --dry-run",
        "ps --connect localhost:1 --token-file locked/x"})
    expect_from(nobody, {command, 2, "Permission denied"});
}

TEST_F(ClosedPlaces, LinksThatLeadInACircle) {
  std::filesystem::create_directory(place("mine"));
  std::filesystem::create_symlink("b", place("a"));
  std::filesystem::create_symlink("a", place("b"));
  for (const char* command : kOnStores) expect_step({command + std::string(" --store a"), 2, "symbolic links"});
  for (const char* command :
       {"check a", "token write a --store S", "db backup a --store S", "export --trial KEY --weights a --store S",
        "chaos ok.yaml --folder a", "ps --connect localhost:1 --token-file a"})
    expect_step({command, 2, "symbolic links"});
}

}  // namespace
}  // namespace espalier
