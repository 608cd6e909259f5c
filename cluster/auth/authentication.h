#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/sha256.h"
#include "cluster/protocol/protocol.h"

namespace espalier {

/// A store's secret, from which the keys of all roles come: 32 random bytes in a file of mode 0600, made at first use.
/// Errors: ErrorKind::invalid_input if the file is readable by others, has another length, or cannot be made.
std::string load_or_create_secret(const std::filesystem::path& file);
/// Errors: as above, and if it is missing.
std::string load_secret(const std::filesystem::path& file);
/// Replaces it by a new one. Errors: those of write_file_atomically.
void create_secret(const std::filesystem::path& file);

/// "pool", "client", "read".
std::string_view to_string(Role role);
/// Errors: ErrorKind::invalid_input for a text that names no role.
Role parse_role(std::string_view text);
/// HMAC-SHA-256(secret, to_string(role)), 32 bytes: the key of one role is of no use in another.
std::string key_of(std::string_view secret, Role role);

/// HMAC-SHA-256(key, label | coordinator's nonce | other side's nonce | channel binding), label naming who proves:
/// so a side's proof cannot be reflected as the other's, a recorded proof is invalid under a fresh nonce, and one
/// relayed by a man in the middle is invalid in its TLS session (Stream::channel_binding). Nonces have 32 bytes each.
std::string prove_peer(std::string_view key, Role role, std::string_view coordinator_nonce, std::string_view peer_nonce,
                       std::string_view binding);
std::string prove_coordinator(std::string_view key, std::string_view coordinator_nonce, std::string_view peer_nonce,
                              std::string_view binding);
/// In constant time.
bool proof_holds(std::string_view expected, std::string_view found);

/// Where a store's coordinator listens. Written by it with mode 0600, removed when it ends.
struct ConnectionFile {
  std::string host;
  int port = 0;
  std::int64_t pid = 0;
  Digest certificate{};  ///< SHA-256 of its certificate
};
void write_connection_file(const std::filesystem::path& file, const ConnectionFile& connection);
/// Errors: ErrorKind::unavailable if there is none (no coordinator runs), ErrorKind::corrupt if it is malformed.
ConnectionFile read_connection_file(const std::filesystem::path& file);

}  // namespace espalier
