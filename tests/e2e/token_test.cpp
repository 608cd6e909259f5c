// Tokens as a user handles them: written, carried to a worker, rotated.
#include <csignal>
#include <functional>
#include <sys/stat.h>
#include <unistd.h>

#include <gmock/gmock.h>

#include "base/files.h"
#include "experiments/paths/store_paths.h"
#include "tests/e2e/sweep_case.h"

namespace espalier {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class Tokens : public SweepCase {
 protected:
  std::string token() const { return (folder_ / "token").string(); }
  std::string text() const { return read_file(token(), 4096); }
  ProgramEnd write_token(const std::string& to) {
    return espalier({"token", "write", to, "--store", store(), "--force"});
  }

  StorePaths paths() const { return {store()}; }

  static void wait_until(Program& program, const std::function<bool()>& done) {
    while (program.running() && !done()) ::usleep(20000);
    ASSERT_TRUE(program.running());
  }
  std::unique_ptr<Program> start_coordinator(const std::string& port) {
    auto program =
        std::make_unique<Program>(espalier_command({"run", small_sweep(), "--set", "train.epochs=40", "--store",
                                                    store(), "--workers", "0", "--quiet", "--port", port}));
    wait_until(*program, [&] { return std::filesystem::exists(paths().connection()); });
    return program;
  }
  /// How often a pool has joined.
  int joins() const {
    const std::string log = read_file(paths().logs() / "coordinator.log", 64U << 20);
    int count = 0;
    for (std::size_t at = 0; (at = log.find(" joined: ", at)) != std::string::npos; ++at) ++count;
    return count;
  }

  /// A worker without a pool around it.
  std::unique_ptr<Program> worker(const std::string& place) const {
    const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe").parent_path();
    return std::make_unique<Program>(
        std::vector<std::string>{(program / "espalier-worker").string(), "--connect", place, "--token-file", token(),
                                 "--store", store()},
        std::map<std::string, std::string>{{"OMP_NUM_THREADS", "1"}, {"OPENBLAS_NUM_THREADS", "1"}});
  }
  std::string refusal_of(const std::string& place) const {
    const ProgramEnd end = worker(place)->wait(60);
    EXPECT_NE(end.exit_code, 0);
    return end.err;
  }
};

TEST_F(Tokens, AreWrittenForTheirOwnerAloneAndShownOnlyWhenAsked) {
  std::filesystem::create_directory(store());
  write("token", "what was there before, for all to read");
  const ProgramEnd refused = espalier({"token", "write", token(), "--store", store()});
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_THAT(refused.err, HasSubstr("is there already; name another file, or give --force to replace it"));
  EXPECT_THAT(text(), StartsWith("what was there before"));
  const ProgramEnd end = write_token(token());
  EXPECT_EQ(end.exit_code, 0) << end.err;
  struct stat status {};
  ASSERT_EQ(::stat(token().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
  EXPECT_THAT(text(), StartsWith("espalier2:pool:"));
  EXPECT_THAT(end.out + end.err, Not(HasSubstr(text().substr(15, 64))));
  EXPECT_THAT(end.out, HasSubstr("certificate sha256"));
  EXPECT_EQ(write_token("-").out, text());
}

TEST_F(Tokens, ARotationMakesAnother) {
  std::filesystem::create_directory(store());
  write_token(token());
  const std::string before = text();
  EXPECT_EQ(espalier({"token", "rotate", "--store", store()}).exit_code, 0);
  write_token(token());
  EXPECT_NE(text().substr(15, 64), before.substr(15, 64));
  EXPECT_NE(text().substr(80, 64), before.substr(80, 64));
}

TEST_F(Tokens, WithoutAStoreThereIsNone) {
  const ProgramEnd end = espalier({"token", "write", token(), "--store", store("none")});
  EXPECT_EQ(end.exit_code, 2);
  EXPECT_THAT(end.err, HasSubstr("there is no such folder"));
  EXPECT_EQ(espalier({"token", "rotate", "--store", store("none")}).exit_code, 2);
}

TEST_F(Tokens, OneLetsAWorkerInWhichLooksForItsCoordinatorAtTheSameAddress) {
  auto coordinator = start_coordinator("0");
  const int port = nlohmann::json::parse(read_file(paths().connection(), 4096)).at("port");
  const std::string place = "127.0.0.1:" + std::to_string(port);
  EXPECT_THAT(write_token(token()).out, HasSubstr("may join as a pool"));
  ::chmod(token().c_str(), 0644);
  EXPECT_THAT(refusal_of(place), HasSubstr("chmod 600 " + token()));
  ::chmod(token().c_str(), 0600);
  const auto pool = worker(place);
  wait_until(*coordinator, [&] { return joins() == 1; });

  coordinator->signal(SIGKILL);
  coordinator->wait();
  std::filesystem::remove(paths().connection());
  coordinator = start_coordinator(std::to_string(port));
  wait_until(*coordinator, [&] { return joins() == 2; });
  EXPECT_TRUE(pool->running());

  EXPECT_EQ(espalier({"token", "rotate", "--store", store()}).exit_code, 0);
  EXPECT_THAT(refusal_of(place), HasSubstr("shows another certificate than the one that is expected"));
  EXPECT_TRUE(pool->running());
  EXPECT_EQ(espalier({"cancel", "--store", store()}).exit_code, 0);
  EXPECT_EQ(coordinator->wait(60).exit_code, 130);
  EXPECT_EQ(pool->wait(60).exit_code, 0);
}

TEST_F(Tokens, EachLetsItsBearerDoWhatItIsForAndNothingElse) {
  auto coordinator = start_coordinator("0");
  const int port = nlohmann::json::parse(read_file(paths().connection(), 4096)).at("port");
  const std::string place = "127.0.0.1:" + std::to_string(port);
  const auto ask = [&](const std::string& role, std::vector<std::string> command) {
    const std::string file = (folder_ / role).string();
    EXPECT_EQ(espalier({"token", "write", file, "--role", role, "--force", "--store", store()}).exit_code, 0);
    command.insert(command.end(), {"--connect", place, "--token-file", file});
    return espalier(command);
  };
  EXPECT_EQ(ask("read", {"ps"}).exit_code, 0);
  EXPECT_EQ(ask("client", {"ps", "--pools", "--json"}).exit_code, 0);
  EXPECT_THAT(ask("pool", {"ps"}).err, HasSubstr("is a token of the role pool, and this needs one of client"));
  EXPECT_THAT(ask("pool", {"stop"}).err, HasSubstr("--role client"));
  EXPECT_THAT(ask("read", {"cancel"}).err, HasSubstr("a reader's token is for status, pools and jobs alone"));
  EXPECT_THAT(ask("read", {"stop"}).err, HasSubstr("this needs a client's"));
  EXPECT_TRUE(coordinator->running());
  EXPECT_EQ(ask("client", {"cancel"}).exit_code, 0);
  EXPECT_EQ(coordinator->wait(60).exit_code, 130);
}

}  // namespace
}  // namespace espalier
