#include "orchestrator/coordinator/lone_coordinator.h"

#include <cerrno>
#include <filesystem>
#include <optional>
#include <signal.h>
#include <system_error>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <fmt/format.h>

#include "base/error.h"
#include "cluster/auth/authentication.h"

namespace espalier {
namespace {

bool lives(pid_t pid) {
  return ::kill(pid, 0) == 0 || errno == EPERM;
}

/// Address on this machine: a coordinator that listens on all addresses records a name, and is reached on loopback.
bool listens(const ConnectionFile& connection) {
  using boost::asio::ip::tcp;
  boost::asio::io_context io;
  boost::system::error_code error;
  auto address = boost::asio::ip::make_address(connection.host, error);
  if (error) address = boost::asio::ip::address_v4::loopback();
  tcp::socket socket(io);
  socket.connect(tcp::endpoint(address, static_cast<std::uint16_t>(connection.port)), error);
  return !error;
}

std::optional<ConnectionFile> announced_connection(const StorePaths& store) {
  try {
    return read_connection_file(store.connection());
  } catch (const Error&) {  // missing or unusable
    return std::nullopt;
  }
}

}  // namespace

void refuse_second_coordinator(const StorePaths& store) {
  std::error_code unreadable;  // opening the store reports it
  if (!std::filesystem::exists(store.connection(), unreadable)) return;
  const auto other = announced_connection(store);
  if (!other || other->pid == ::getpid() || !lives(static_cast<pid_t>(other->pid)) || !listens(*other)) return;
  throw Error(
      ErrorKind::unavailable,
      fmt::format("{} is in use by the coordinator with pid {}, which listens on {}:{}; wait for it, stop it, or "
                  "choose another --store",
                  store.root.string(), other->pid, other->host, other->port));
}

}  // namespace espalier
