// A coordinator on one host, a pool across two others, and the network between them: what can be read on it, what
// becomes of a sweep when it breaks, and who is let in.
#include <algorithm>
#include <csignal>
#include <thread>

#include <gmock/gmock.h>

#include "base/files.h"
#include "base/sha256.h"
#include "experiments/paths/store_paths.h"
#include "tests/e2e/sweep_case.h"
#include "tests/e2e/test_network.h"
#include "tests/needs.h"

namespace espalier {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAreArray;

constexpr int kCoordinator = 3;
const std::string kPort = "7070";
/// The pools see the coordinator's folder. Where they need not, they get an empty one instead.
constexpr bool kPoolsSeeTheStore = false;

const std::map<std::string, std::string> kEnvironment{{"OMPI_ALLOW_RUN_AS_ROOT", "1"},
                                                      {"OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1"},
                                                      {"OMP_NUM_THREADS", "1"},
                                                      {"OPENBLAS_NUM_THREADS", "1"}};

class Network : public SweepCase {
 protected:
  void SetUp() override {
    SweepCase::SetUp();
    ESPALIER_NEEDS("network", TestNetwork::lack().empty(), TestNetwork::lack());
    network_.emplace();
    quick_ = write("quick.yaml",
                   "sweep: quick\n"
                   "dataset: {name: glyphs, train: 1500, validation: 300, test: 500}\n"
                   "model: lenet-300-100\n"
                   "seeds: 2\n"
                   "train: {optimizer: adam, lr: 1.2e-3, batch_size: 60, epochs: 6}\n"
                   "prune: {method: [magnitude, gradient], sparsity: [0.8, 0.95]}\n"
                   "retrain: {finetune: {epochs: 3}}\n"
                   "controls: [random]\n");
  }
  void TearDown() override {
    network_.reset();
    SweepCase::TearDown();
  }

  std::unique_ptr<Program> start_coordinator() {
    auto program = std::make_unique<Program>(TestNetwork::on(
        kCoordinator, espalier_command({"run", quick_, "--store", store(), "--workers", "0", "--quiet", "--host",
                                        TestNetwork::address(kCoordinator), "--port", kPort})));
    while (program->running() && !std::filesystem::exists(paths_().connection())) pause();
    EXPECT_EQ(espalier({"token", "write", token_(), "--store", store()}).exit_code, 0);
    return program;
  }
  std::vector<std::string> worker(const std::string& label, const std::string& token) const {
    const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe").parent_path();
    return {(program / "espalier-worker").string(),
            "--connect",
            TestNetwork::address(kCoordinator) + ":" + kPort,
            "--token-file",
            token,
            "--store",
            kPoolsSeeTheStore ? store() : (folder_ / ("scratch-" + label)).string(),
            "--label",
            label};
  }
  std::unique_ptr<Program> start_pool(const std::string& label, const std::vector<int>& hosts) const {
    return std::make_unique<Program>(TestNetwork::mpirun_on(hosts, worker(label, token_())), kEnvironment);
  }
  /// The error on host 2 with a wrong token.
  std::string refusal_of(const std::string& token) {
    const std::string file = write("stranger", token);
    ::chmod(file.c_str(), 0600);
    const ProgramEnd end = Program(TestNetwork::on(2, worker("stranger", file)), kEnvironment).wait(60);
    EXPECT_NE(end.exit_code, 0);
    return end.err;
  }

  std::string coordinators_log() const { return read_file(paths_().logs() / "coordinator.log", 64U << 20); }
  static void pause() { std::this_thread::sleep_for(std::chrono::milliseconds(20)); }
  StorePaths paths_() const { return {store()}; }
  std::string token_() const { return (folder_ / "token").string(); }

  std::optional<TestNetwork> network_;
  std::string quick_;
};

/// Secrets and content, in the forms in which they might travel.
std::vector<std::string> what_nobody_may_read(const StorePaths& store) {
  std::vector<std::string> texts{read_file(store.secret(), 4096), "lenet-300-100", "sweep: quick", "glyphs"};
  for (const auto& entry : std::filesystem::recursive_directory_iterator(store.artifacts())) {
    if (!entry.is_regular_file() || texts.size() > 16) continue;
    const std::string hex = entry.path().filename().string().substr(0, 64);
    const Digest key = digest_from_hex(hex);
    texts.insert(texts.end(), {hex, std::string(key.begin(), key.end())});
  }
  return texts;
}

std::vector<std::string> found_in(const std::string& capture, const std::vector<std::string>& texts) {
  std::vector<std::string> found;
  std::copy_if(texts.begin(), texts.end(), std::back_inserter(found),
               [&](const std::string& text) { return capture.find(text) != std::string::npos; });
  return found;
}

TEST_F(Network, AnOutageChangesNoBitNobodyReadsAlongAndStrangersStayOutside) {
  Capture spoken(folder_ / "spoken.pcap", "tcp and host " + TestNetwork::address(kCoordinator));
  Capture control(folder_ / "control.pcap", "udp and host " + TestNetwork::address(kCoordinator));
  const auto coordinator = start_coordinator();
  const auto pool = start_pool("far", {1, 2});
  wait_for_results(store(), 2, *coordinator);
  ASSERT_TRUE(coordinator->running());
  EXPECT_THAT(coordinators_log(), HasSubstr("pool far joined: 2 ranks, host esp1"));
  const auto outage_ends = std::chrono::steady_clock::now() + std::chrono::seconds(8);
  TestNetwork::cut(1);

  const std::string token = read_file(token_(), 4096);
  std::string wrong_secret = token, other_certificate = token;
  for (auto [text, at] : {std::pair{&wrong_secret, std::size_t{20}}, std::pair{&other_certificate, std::size_t{85}}})
    (*text)[at] = (*text)[at] == '0' ? '1' : '0';
  EXPECT_THAT(refusal_of(wrong_secret), HasSubstr("does not know this store's secret"));
  EXPECT_THAT(refusal_of(other_certificate), HasSubstr("shows another certificate than the one that is expected"));

  std::this_thread::sleep_until(outage_ends);
  TestNetwork::mend(1);
  const ProgramEnd end = coordinator->wait(120);
  EXPECT_EQ(end.exit_code, 0) << end.err;
  EXPECT_EQ(pool->wait(30).exit_code, 0);

  const std::vector<std::string> texts = what_nobody_may_read(paths_());
  std::string all;
  for (const std::string& text : texts) all += text;
  ASSERT_LT(all.size(), 1400U);  // one frame
  const std::string said = write("said", all);
  const std::string say = "cat " + said + " > /dev/udp/" + TestNetwork::address(kCoordinator) + "/9";
  EXPECT_EQ(Program(TestNetwork::on(1, {"bash", "-c", say})).wait(10).exit_code, 0);
  EXPECT_THAT(found_in(control.stop(), texts), UnorderedElementsAreArray(texts));
  const std::string capture = spoken.stop();
  EXPECT_GT(capture.size(), 20000U);
  EXPECT_THAT(found_in(capture, texts), IsEmpty());

  ASSERT_EQ(espalier({"run", quick_, "--store", store("local"), "--workers", "2", "--quiet"}).exit_code, 0);
  EXPECT_EQ(results_of(store()), results_of(store("local")));
}

TEST_F(Network, AHostThatIsCutOffForGoodIsNoticedAndTheRestFinishes) {
  const auto coordinator = start_coordinator();
  const auto far = start_pool("far", {1, 2});
  wait_for_results(store(), 1, *coordinator);
  ASSERT_TRUE(coordinator->running());
  TestNetwork::cut(1);
  const auto near = start_pool("near", {kCoordinator});
  const auto limit =
      std::chrono::steady_clock::now() + std::chrono::seconds(30);  // 20 s of silence, and a slow machine
  while (std::chrono::steady_clock::now() < limit &&
         coordinators_log().find("pool far: the connection ended") == std::string::npos)
    pause();
  EXPECT_THAT(coordinators_log(), HasSubstr("pool far: the connection ended"));
  const ProgramEnd end = coordinator->wait(120);
  EXPECT_EQ(end.exit_code, 0) << end.err;
  EXPECT_THAT(coordinators_log(), HasSubstr("its jobs go to others"));
  EXPECT_EQ(near->wait(30).exit_code, 0);
}

}  // namespace
}  // namespace espalier
