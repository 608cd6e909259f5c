// Bad input gets a clear error before any work, and nothing is lost.
#include <sys/stat.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "tests/e2e/sweep_case.h"
#include "tests/needs.h"

namespace espalier {
namespace {

using testing::Test;

class BadInput : public SweepCase {
 protected:
  /// Runs it, and expects this exit code, these words in the error, and no worker to have been started.
  ProgramEnd refuse(const std::vector<std::string>& arguments, int exit_code, const std::vector<std::string>& words,
                    const std::map<std::string, std::string>& environment = {}) {
    const ProgramEnd end = espalier(arguments, environment);
    EXPECT_EQ(end.exit_code, exit_code) << end.out << end.err;
    for (const std::string& word : words)
      EXPECT_NE(end.err.find(word), std::string::npos) << "no \"" << word << "\" in: " << end.err;
    return end;
  }
  std::string sweep_with(const std::string& dataset, const std::string& prune) {
    return write("bad.yaml", "sweep: bad\ndataset: " + dataset +
                                 "\nmodel: lenet-300-100\nseeds: 1\ntrain: {lr: 0.1, epochs: 1}\nprune: " + prune +
                                 "\n");
  }
};

TEST_F(BadInput, UnknownKeyWrongTypeAndSparsityAboveOneAreAllNamedAtOnce) {
  const std::string sweep = sweep_with("glyphs", "{method: magnitud, sparsity: [1.2, high], scedule: one_shot}");
  const ProgramEnd end =
      refuse({"run", sweep, "--store", store()}, 2,
             {"bad.yaml:6:", "did you mean \"magnitude\"?", "1.2", "high", "scedule", "did you mean \"schedule\"?"});
  EXPECT_FALSE(std::filesystem::exists(store()));
}

TEST_F(BadInput, PlacesThatTheFilesystemRefusesAreNoInternalErrors) {
  std::filesystem::create_symlink("b", folder_ / "a");
  std::filesystem::create_symlink("a", folder_ / "b");
  refuse({"results", "--store", (folder_ / "a").string()}, 2, {"a/espalier.db", "symbolic links"});
  refuse({"serve", "--store", ""}, 2, {"a path is empty"});
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe").parent_path() / "espalier";
  const ProgramEnd gone =
      Program(
          {"/bin/sh", "-c", "mkdir gone && cd gone && rmdir ../gone && exec \"$0\" serve --store x", program.string()})
          .wait(60);
  EXPECT_EQ(gone.exit_code, 2) << gone.err;
}

TEST_F(BadInput, WhatCouldNotBePrintedIsNoSuccess) {
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe").parent_path() / "espalier";
  const auto in_shell = [&](const std::string& line) {
    return Program({"/bin/sh", "-c", line, program.string()}).wait(60);
  };
  const ProgramEnd full = in_shell("exec \"$0\" methods > /dev/full");
  EXPECT_EQ(full.exit_code, 4);
  EXPECT_NE(full.err.find("standard output could not be written"), std::string::npos) << full.err;
  EXPECT_EQ(in_shell("exec \"$0\" methods >&-").exit_code, 0);
}

TEST_F(BadInput, AMissingSweepFile) {
  refuse({"run", store("none.yaml"), "--store", store()}, 2, {"none.yaml", "No such file"});
}

TEST_F(BadInput, AnUnknownOptionAndAnUnknownCommand) {
  EXPECT_EQ(espalier({"run", "x.yaml", "--wrokers", "2"}).exit_code, 2);
  EXPECT_EQ(espalier({"rum"}).exit_code, 2);
  EXPECT_EQ(espalier({"run", "x.yaml", "--workers", "0"}).exit_code, 2);
}

TEST_F(BadInput, AMissingDatasetSaysWhereToGetIt) {
  refuse({"run", sweep_with("mnist", "{method: magnitude, sparsity: 0.5}"), "--store", store(), "--data",
          folder_.string()},
         2, {"train-images-idx3-ubyte", "--data"});
  EXPECT_FALSE(std::filesystem::exists(store()));
}

TEST_F(BadInput, AWrongChecksumATruncatedAndACorruptFile) {
  const std::filesystem::path data = folder_ / "data" / "mnist";
  std::filesystem::create_directories(data);
  for (const char* name :
       {"train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"}) {
    std::ofstream(data / name, std::ios::binary) << std::string("\0\0\x08\x03\0\0\0\x01", 8);
  }
  const std::vector<std::string> run{"run",     sweep_with("mnist", "{method: magnitude, sparsity: 0.5}"),
                                     "--store", store(),
                                     "--data",  (folder_ / "data").string()};
  refuse(run, 2, {"idx", "ubyte"});
  std::ofstream(data / "train-images-idx3-ubyte", std::ios::binary) << "not an IDX file";
  refuse(run, 2, {"train-images-idx3-ubyte"});
}

TEST_F(BadInput, AStoreThatCannotBeWritten) {
  write("file", "a file where the store should be");
  refuse({"run", small_sweep(), "--store", (folder_ / "file" / "store").string()}, 2, {"file"});
}

TEST_F(BadInput, ReadingAStoreThatIsNotThere) {
  for (const char* command : {"results", "compare", "status"}) refuse({command, "--store", store("none")}, 2, {"none"});
  refuse({"cancel", "--store", store("none")}, 3, {"no coordinator runs"});
}

TEST_F(BadInput, NoMpirun) {
  refuse({"run", small_sweep(), "--store", store()}, 3, {"mpirun was not found", "openmpi-bin"},
         {{"PATH", "/nonexistent"}});
}

TEST_F(BadInput, APoolThatCannotBeSubmitted) {
  std::filesystem::create_directories(store());
  write("store/espalier.db", "");
  const std::string profile = write("site.yaml", "partiton: gpu\n");
  const auto pool = [&](const std::vector<std::string>& more) {
    std::vector<std::string> words{"pool", "slurm", "--store", store()};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  };
  const std::map<std::string, std::string> nowhere{{"PATH", "/nonexistent"}};
  refuse(pool({"--time", "10"}), 3, {"sbatch was not found on PATH", "--dry-run"}, nowhere);
  refuse(pool({"--time", "2"}), 2, {"--time: 120 s is too short", "checkpoint every 10 s"}, nowhere);
  refuse(pool({"--time", "10", "--autoscale", "3:1"}), 2, {"--autoscale: expected MIN:MAX", "\"3:1\""}, nowhere);
  refuse(pool({"--time", "10", "--profile", profile}), 2,
         {"site.yaml:1:1: partiton: unknown", "did you mean \"partition\"?"}, nowhere);
  const std::string anothers = write("anothers.yaml", "extra: [--uid=0, --export=NONE, --chdir=/]\n");
  refuse(pool({"--time", "10", "--dry-run", "--profile", anothers}), 2,
         {"--uid is set by no option: a pool runs as the user who submits it", "--export is set by the key environment",
          "--chdir is set by the pool itself"},
         nowhere);
  refuse({"pool", "slurm", "--store", store("none"), "--time", "10"}, 2, {"there is no store here"}, nowhere);
  EXPECT_FALSE(std::filesystem::exists(store() + "/pools"));
}

TEST_F(BadInput, ATakenPort) {
  boost::asio::io_context io;
  boost::asio::ip::tcp::acceptor taken(io, {boost::asio::ip::make_address("127.0.0.1"), 0});
  const std::string port = std::to_string(taken.local_endpoint().port());
  refuse({"run", small_sweep(), "--store", store(), "--port", port}, 3,
         {"cannot listen on 127.0.0.1:" + port, "--port"});
}

TEST_F(BadInput, AWorkerThatDiesAtOnceIsReportedWithItsLog) {
  // An mpirun that fails: found first on PATH, as a broken installation would be.
  const std::string broken = write("mpirun", "#!/bin/sh\necho the fabric is on fire\nexit 3\n");
  ::chmod(broken.c_str(), 0755);
  refuse({"run", small_sweep(), "--store", store()}, 3,
         {"exited with code 3", "3 times in a row without getting anything done", "the fabric is on fire"},
         {{"PATH", folder_.string() + ":" + std::getenv("PATH")}});
}

TEST_F(BadInput, ASecondCoordinatorIsToldWhoHasTheStore) {
  Program first(espalier_command({"run", small_sweep(), "--store", store(), "--workers", "1", "--quiet"}));
  while (first.running() && !std::filesystem::exists(store() + "/connection.json")) ::usleep(10000);
  refuse({"run", small_sweep(), "--store", store(), "--workers", "1"}, 3,
         {"pid " + std::to_string(first.pid()), "in use"});
  first.signal(SIGINT);
  EXPECT_EQ(first.wait().exit_code, 130);
}

TEST_F(BadInput, AFullStorePausesClearlyAndGoesOnWhenThereIsSpace) {
  const std::filesystem::path disk = folder_ / "disk";
  std::filesystem::create_directories(disk);
  const ProgramEnd mount =
      Program({"/bin/mount", "-t", "tmpfs", "-o", "size=44m", "espalier-test", disk.string()}).wait();
  ESPALIER_NEEDS("mount", mount.exit_code == 0,
                 "no right to mount a small disk here; run the tests as root: " << mount.err);
  const std::string full = (disk / "store").string();
  const std::vector<std::string> run{"run", small_sweep(), "--store", full, "--workers", "2", "--quiet"};
  {
    Program program(espalier_command(run));
    for (int i = 0; i < 1000 && program.running() && program.out().find("paused") == std::string::npos; ++i)
      ::usleep(50000);
    EXPECT_NE(program.out().find("free some space"), std::string::npos) << program.out();
    EXPECT_TRUE(program.running());
    EXPECT_EQ(espalier({"db", "check", "--store", full}).exit_code, 0);
    EXPECT_EQ(Program({"/bin/mount", "-o", "remount,size=400m", disk.string()}).wait().exit_code, 0);
    const ProgramEnd end = program.wait();
    EXPECT_EQ(end.exit_code, 0) << end.out << end.err;
    EXPECT_NE(end.out.find("going on"), std::string::npos) << end.out;
  }
  const nlohmann::json rows = results_of(full);
  const std::string roomy = store("roomy");
  EXPECT_EQ(espalier({"run", small_sweep(), "--store", roomy, "--workers", "2", "--quiet"}).exit_code, 0);
  EXPECT_EQ(rows, results_of(roomy));
  EXPECT_EQ(Program({"/bin/umount", disk.string()}).wait().exit_code, 0);
}

TEST_F(BadInput, ADatabaseOfANewerVersion) {
  ASSERT_EQ(espalier({"run",
                      sweep_with("{name: glyphs, train: 600, validation: 100, test: 100}",
                                 "{method: magnitude, sparsity: 0.5}"),
                      "--store", store(), "--workers", "1"})
                .exit_code,
            0);
  ASSERT_EQ(Program({"/usr/bin/sqlite3", store() + "/espalier.db", "pragma user_version = 999"}).wait().exit_code, 0);
  refuse({"run", small_sweep(), "--store", store()}, 2, {"999", "update"});
  refuse({"results", "--store", store()}, 2, {"999", "update"});
}

}  // namespace
}  // namespace espalier
