#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/sha256.h"
#include "cluster/protocol/protocol.h"

namespace espalier {

/// A coordinator's address, and the credentials of both sides.
struct CoordinatorAddress {
  std::string host;
  int port = 0;
  Role role = Role::pool;         ///< ours
  std::string key;                ///< of that role (key_of)
  Digest certificate{};           ///< SHA-256 of its certificate
  std::filesystem::path said_by;  ///< the file this was read from, for errors

  /// "host:port", with brackets around an IPv6 address.
  std::string place() const;
};

struct HostAndPort {
  std::string host;
  int port = 0;
};
/// "node7:7070", "10.1.2.3:7070" or "[fd00::7]:7070". Errors: ErrorKind::invalid_input for anything else.
HostAndPort parse_host_and_port(const std::string& text);

/// How to find a coordinator: in its store's folder, or at an address with a token. Read again for each connection:
/// another coordinator may run on the store by then, and a secret may have been rotated.
class CoordinatorSource {
 public:
  static CoordinatorSource in_store(const std::filesystem::path& store);
  static CoordinatorSource with_token(HostAndPort at, const std::filesystem::path& token_file);

  /// For that role; a client with a reader's token becomes a reader.
  /// Errors: ErrorKind::unavailable if no coordinator runs on the store; ErrorKind::corrupt if its connection file
  /// is malformed; ErrorKind::invalid_input for a secret or token that is missing, readable by others, malformed, or
  /// for another role.
  CoordinatorAddress look_up(Role role) const;

  /// The store, or the token, existed before and has been removed.
  bool is_gone() const { return !std::filesystem::exists(secret_file_); }

 private:
  std::optional<HostAndPort> at_;  ///< none: the store's connection file says
  std::filesystem::path store_;
  std::filesystem::path secret_file_;
};

}  // namespace espalier
