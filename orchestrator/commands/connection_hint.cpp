#include "orchestrator/commands/connection_hint.h"

#include <filesystem>

#include <fmt/format.h>

#include "base/host_name.h"

namespace espalier {

std::string connection_hint(const std::string& host, int port, std::int64_t pid, const std::string& store) {
  const std::string folder = std::filesystem::absolute(store).lexically_normal().string();
  std::string text =
      fmt::format("listening on {}:{} of {} (pid {})\nsubmit a sweep: espalier submit SWEEP.yaml --store {}\n", host,
                  port, host_name(), pid, folder);
  const bool loopback = host.starts_with("127.") || host == "::1";
  if (loopback)
    text += fmt::format("from another machine: ssh -L {0}:{1}:{0} {2}\n", port, host == "::1" ? "[::1]" : host,
                        host_name());
  return text;
}

}  // namespace espalier
