#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/file_lock.h"
#include "tests/e2e/program.h"

namespace espalier {

/// Three hosts, 10.77.0.1 to 10.77.0.3, in network namespaces on one bridge: for as long as this lives, and one at a
/// time on a machine. Made by the scripts up.sh and down.sh of $ESPALIER_NETNS, by default ../shared/netns beside the
/// sources; agent.sh there starts processes on a host for mpirun.
class TestNetwork {
 public:
  /// Why this machine can have none; "" if it can.
  static std::string lack();

  /// Errors: std::runtime_error with what up.sh said.
  TestNetwork();
  /// Kills what still runs on the hosts.
  ~TestNetwork();
  TestNetwork(const TestNetwork&) = delete;
  TestNetwork& operator=(const TestNetwork&) = delete;

  static std::string address(int host) { return "10.77.0." + std::to_string(host); }
  /// That command, run on a host.
  static std::vector<std::string> on(int host, const std::vector<std::string>& command);
  /// mpirun with a rank on each of these hosts.
  static std::vector<std::string> mpirun_on(const std::vector<int>& hosts, const std::vector<std::string>& command);
  static void cut(int host);
  static void mend(int host);

 private:
  void take_down();

  std::optional<FileLock> lock_;
};

/// What crosses the bridge and fits a tcpdump filter, from construction to stop().
class Capture {
 public:
  Capture(std::filesystem::path file, const std::string& filter);
  /// The bytes of the file, frames and all.
  std::string stop();

 private:
  std::filesystem::path file_;
  Program tcpdump_;
};

}  // namespace espalier
