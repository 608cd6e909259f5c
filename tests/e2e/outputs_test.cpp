// What a command prints or writes arrives where its user said, or the command says that it did not; nothing else is
// written over.
#include <csignal>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "tests/e2e/tiny_store.h"

namespace espalier {
namespace {

class Outputs : public TinyStore {
 protected:
  /// What comes out of the pipe while the command runs.
  std::string through_pipe(const Step& step) {
    Program reader({"/bin/cat", place("pipe").string()});
    expect_step(step);
    return reader.wait(10).out;
  }
  bool is(const std::string& name, std::filesystem::file_type type) const {
    return std::filesystem::symlink_status(place(name)).type() == type;
  }
};

TEST_F(Outputs, WhatCouldNotBePrintedIsNoSuccessOfAnyCommand) {
  for (const char* command : {"results --store S --json",
                              "results --store S",
                              "plan ok.yaml",
                              "plan ok.yaml --json",
                              "plan ok.yaml --dot",
                              "check ok.yaml",
                              "check ok.yaml --json",
                              "compare --store S",
                              "compare --store S --json",
                              "compare --store S --format csv",
                              "token write - --store S",
                              "token rotate --store S",
                              "logs local-1 --store S",
                              "--help",
                              "run --help",
                              "--version",
                              "status --store S",
                              "status --store S --json",
                              "failures --store S",
                              "failures --store S --json",
                              "db check --store S",
                              "db check --store S --json",
                              "db backup b.db --store S",
                              "layers tiny --store S",
                              "overlap tiny --store S",
                              "gc --store S --dry-run",
                              "gc --store S",
                              "export --store S --trial KEY --weights w.st",
                              "simulate ok.yaml",
                              "models",
                              "methods",
                              "methods --json",
                              "datasets",
                              "datasets --json",
                              "pool slurm --store S --time 10 --dry-run",
                              "pool pbs --store S --time 10 --dry-run",
                              "run ok.yaml --store S",
                              "retry ok.yaml --store S"}) {
    expect_step({command, 4, "standard output could not be written"}, "> /dev/full");
  }
  const std::string worker = espalier_command({})[0] + "-worker";
  const ProgramEnd end = Program({"/bin/sh", "-c", "exec \"$0\" --help > /dev/full", worker}).wait(60);
  EXPECT_EQ(end.exit_code, 4) << end.err;
}

TEST_F(Outputs, NoFileOfAStoreBecomesAStandardOneThatWasClosed) {
  Program coordinator({"/bin/sh", "-c", "exec \"$0\" serve --store closed >&- 2>&-", espalier_command({})[0]}, {},
                      folder_);
  while (coordinator.running() && !std::filesystem::exists(place("closed/connection.json")))
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  std::this_thread::sleep_for(std::chrono::milliseconds(200));  // until it has said how it is reached
  EXPECT_EQ(bytes_of("closed/coordinator.lock").rfind("pid " + std::to_string(coordinator.pid()), 0), 0U);
  EXPECT_EQ(bytes_of("closed/coordinator.lock").find('\n'), std::string::npos) << bytes_of("closed/coordinator.lock");
  coordinator.signal(SIGTERM);
  EXPECT_EQ(coordinator.wait(30).exit_code, 0);
}

TEST_F(Outputs, DevicesAndPipesGetTheBytesAndStay) {
  if (::mknod(place("null").c_str(), S_IFCHR | 0666, ::makedev(1, 3)) != 0) {
    std::filesystem::create_symlink("/dev/null", place("null"));  // not root
  }
  const auto kind = std::filesystem::symlink_status(place("null")).type();
  ASSERT_EQ(::mkfifo(place("pipe").c_str(), 0600), 0);
  expect_steps({{"export --store S --trial KEY --weights null", 0, "wrote null"},
                {"export --store S --trial KEY --weights null --masks null --force", 0, "wrote null"},
                {"db backup null --store S --force", 0, "wrote null"},
                {"token write null --store S", 0, "null: certificate"}});
  EXPECT_TRUE(is("null", kind));
  EXPECT_EQ(std::filesystem::status(place("null")).type(), std::filesystem::file_type::character);

  expect_step({"export --store S --trial KEY --masks masks --weights weights", 0, ""});
  EXPECT_EQ(through_pipe({"export --store S --trial KEY --masks pipe", 0, "wrote pipe"}), bytes_of("masks"));
  EXPECT_EQ(through_pipe({"export --store S --trial KEY --weights pipe --force", 0, ""}), bytes_of("weights"));
  EXPECT_EQ(through_pipe({"db backup pipe --store S", 0, ""}).substr(0, 15), "SQLite format 3");
  EXPECT_EQ(through_pipe({"token write pipe --store S", 0, ""}).rfind("espalier2:pool:", 0), 0U);
  EXPECT_TRUE(is("pipe", std::filesystem::file_type::fifo));
}

TEST_F(Outputs, LinksAreFollowedAndWhatIsThereIsKeptUnlessForced) {
  write("real", "what was there");
  std::filesystem::create_symlink("real", place("link"));
  for (const char* command :
       {"export --store S --trial KEY --weights link", "export --store S --trial KEY --masks real",
        "db backup link --store S", "token write link --store S", "token write real --store S"}) {
    expect_step({command, 2, "is there already; name another file, or give --force to replace it"});
    EXPECT_EQ(bytes_of("real"), "what was there") << command;
  }
  expect_step({"export --store S --trial KEY --weights weights", 0, ""});
  expect_step({"export --store S --trial KEY --weights link --force", 0, "wrote link"});
  EXPECT_EQ(bytes_of("real"), bytes_of("weights"));
  expect_step({"db backup link --store S --force", 0, "wrote link"});
  EXPECT_EQ(bytes_of("real").substr(0, 15), "SQLite format 3");
  expect_step({"token write link --store S --force", 0, ""});
  EXPECT_EQ(bytes_of("real").rfind("espalier2:pool:", 0), 0U);
  EXPECT_TRUE(is("link", std::filesystem::file_type::symlink));
}

TEST_F(Outputs, NothingOfAStoreNoInputAndNoPlaceTwiceIsWritten) {
  const std::string database = bytes_of("S/espalier.db");
  const auto results = results_of(place("S").string());
  write("net.pt", "the module");
  std::filesystem::create_symlink("S/espalier.db", place("database"));
  std::filesystem::create_directory_symlink("S", place("T"));
  const std::string store = "whose files are its own; name another place";
  const std::string twice = "is to be written twice";
  const std::string input = "is what this command reads; name another file to write";
  expect_steps({{"export --store S --trial KEY --weights S/espalier.db", 2, store},
                {"export --store S --trial KEY --weights S/espalier.db --force", 2, store},
                {"export --store S --trial KEY --masks database --force", 2, store},
                {"export --store S --trial KEY --masks T/new --force", 2, store},
                {"export --store T --trial KEY --masks S/artifacts/new --force", 2, store},
                {"db backup S/backup.db --store S", 2, store},
                {"db backup T/espalier.db --store S --force", 2, store},
                {"token write S/secret --store S --force", 2, store},
                {"token write T/token --store S", 2, store},
                {"export --store S --trial KEY --weights x.st --masks x.st", 2, twice},
                {"export --store S --trial KEY --weights x.st --masks ./T/../x.st --force", 2, ""},
                {"export --store S --trial KEY --weights x.st --masks ./x.st --force", 2, twice},
                {"export --store S --trial KEY --torchscript net.pt --module net.pt", 2, input},
                {"export --store S --trial KEY --weights net.pt --torchscript n2.pt --module net.pt --force", 2, input},
                {"status --store S", 0, "7/7 trials"}});
  EXPECT_EQ(bytes_of("net.pt"), "the module");
  EXPECT_FALSE(std::filesystem::exists(place("x.st")));
  EXPECT_EQ(bytes_of("S/espalier.db"), database);
  EXPECT_EQ(results_of(place("S").string()), results);
}

TEST_F(Outputs, StandardOutputGetsTheBytesAloneWhereverItLeads) {
  expect_step({"export --store S --trial KEY --weights weights", 0, ""});
  write("out", "before ");
  expect_step({"export --store S --trial KEY --weights /dev/stdout", 0, "wrote /dev/stdout"}, ">> out");
  EXPECT_EQ(bytes_of("out"), "before " + bytes_of("weights"));
  expect_step({"export --store S --trial KEY --weights /dev/fd/1", 0, ""}, "> out");
  EXPECT_EQ(bytes_of("out"), bytes_of("weights"));
  expect_step({"export --store S --trial KEY --weights /proc/self/fd/1", 0, ""}, "| cat > piped; exit 0");
  EXPECT_EQ(bytes_of("piped"), bytes_of("weights"));
  expect_step({"db backup /dev/stdout --store S", 0, ""}, "> out");
  EXPECT_EQ(bytes_of("out").size() % 4096, 0U);
  expect_step({"token write /dev/stdout --store S", 0, ""}, "> out");
  expect_step({"token write - --store S", 0, bytes_of("out")});
  expect_step({"export --store S --trial KEY --weights /dev/stdout --masks /dev/stdout", 2, "written twice"}, "> out");
  EXPECT_EQ(bytes_of("out"), "");
}

}  // namespace
}  // namespace espalier
