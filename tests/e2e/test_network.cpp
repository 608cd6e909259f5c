#include "tests/e2e/test_network.h"

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <sstream>
#include <stdexcept>
#include <thread>
#include <unistd.h>

#include "base/error.h"
#include "base/files.h"
#include "tests/needs.h"

namespace espalier {
namespace {

constexpr std::uintmax_t kMostOfACapture = 256U << 20;

std::filesystem::path network_scripts() {
  return folder_named_by("ESPALIER_NETNS", ESPALIER_NETNS_DEFAULT);
}

ProgramEnd run_tool(std::vector<std::string> command) {
  command.insert(command.begin(), "/usr/bin/env");
  return Program(command).wait(60);
}

void ip(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "ip");
  const ProgramEnd end = run_tool(arguments);
  if (end.exit_code != 0) throw std::runtime_error("ip failed: " + end.err);
}

std::string pids_on(int host) {
  return run_tool({"ip", "netns", "pids", "esp" + std::to_string(host)}).out;
}

/// Another test program of this machine may have the hosts.
FileLock wait_for_lock() {
  const std::filesystem::path file = std::filesystem::temp_directory_path() / "espalier_test_network.lock";
  for (int tries = 0;; ++tries) {
    try {
      return FileLock(file, "pid " + std::to_string(::getpid()));
    } catch (const Error& error) {
      if (tries == 1200) throw std::runtime_error(std::string("the test network is in use: ") + error.what());
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
  }
}

}  // namespace

std::string TestNetwork::lack() {
  if (::geteuid() != 0) return "network namespaces need root";
  for (const char* name : {"up.sh", "down.sh", "agent.sh"}) {
    if (!std::filesystem::exists(network_scripts() / name)) return (network_scripts() / name).string() + " is missing";
  }
  for (const char* program : {"ip", "tcpdump"}) {
    if (run_tool({"sh", "-c", std::string("command -v ") + program}).exit_code != 0)
      return std::string(program) + " is missing";
  }
  if (run_tool({"ip", "netns", "add", "espalier-try"}).exit_code != 0)
    return "this machine gives no network namespaces";
  run_tool({"ip", "netns", "del", "espalier-try"});
  return "";
}

TestNetwork::TestNetwork() : lock_(wait_for_lock()) {
  if (std::filesystem::exists("/run/netns/esp1")) {
    if (!(pids_on(1) + pids_on(2) + pids_on(3)).empty())
      throw std::runtime_error("somebody has processes on the hosts of the test network");
    take_down();  // a test was killed
  }
  const ProgramEnd up = run_tool({"bash", (network_scripts() / "up.sh").string()});
  if (up.exit_code != 0) throw std::runtime_error("up.sh: " + up.err);
}

TestNetwork::~TestNetwork() {
  for (int host = 1; host <= 3; ++host) {
    std::istringstream pids(pids_on(host));
    for (pid_t pid = 0; pids >> pid;) ::kill(pid, SIGKILL);
  }
  take_down();
}

void TestNetwork::take_down() {
  run_tool({"bash", (network_scripts() / "down.sh").string()});
}

std::vector<std::string> TestNetwork::on(int host, const std::vector<std::string>& command) {
  std::vector<std::string> all{"/usr/bin/env", "ip", "netns", "exec", "esp" + std::to_string(host)};
  all.insert(all.end(), command.begin(), command.end());
  return all;
}

std::vector<std::string> TestNetwork::mpirun_on(const std::vector<int>& hosts,
                                                const std::vector<std::string>& command) {
  std::string names;
  for (const int host : hosts) names += (names.empty() ? "" : ",") + address(host);
  std::vector<std::string> all{"/usr/bin/env", "mpirun"};
  for (const auto& [name, value] :
       std::vector<std::pair<std::string, std::string>>{{"plm", "rsh"},
                                                        {"plm_rsh_agent", (network_scripts() / "agent.sh").string()},
                                                        {"btl", "tcp,self"},
                                                        {"btl_tcp_if_include", "10.77.0.0/24"},
                                                        {"oob_tcp_if_include", "10.77.0.0/24"}}) {
    all.insert(all.end(), {"--mca", name, value});
  }
  all.insert(all.end(), {"--host", names, "--bind-to", "none"});
  all.insert(all.end(), command.begin(), command.end());
  return all;
}

void TestNetwork::cut(int host) {
  ip({"link", "set", "vesp" + std::to_string(host), "down"});
}

void TestNetwork::mend(int host) {
  ip({"link", "set", "vesp" + std::to_string(host), "up"});
}

Capture::Capture(std::filesystem::path file, const std::string& filter)
    : file_(std::move(file)),
      tcpdump_({"/usr/bin/env", "tcpdump", "-i", "bresp", "-U", "--immediate-mode", "-Z", "root", "-w", file_.string(),
                filter}) {
  // Its file has a head as soon as it listens.
  while (tcpdump_.running() && (!std::filesystem::exists(file_) || std::filesystem::file_size(file_) == 0))
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
}

std::string Capture::stop() {
  tcpdump_.signal(SIGINT);
  const ProgramEnd end = tcpdump_.wait(20);
  if (end.exit_code != 0) throw std::runtime_error("tcpdump: " + end.err);
  return read_file(file_, kMostOfACapture);
}

}  // namespace espalier
