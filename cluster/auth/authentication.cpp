#include "cluster/auth/authentication.h"

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/files.h"
#include "base/sha256.h"
#include "cluster/auth/secret_file.h"

namespace espalier {
namespace {

constexpr std::size_t kSecretBytes = 32;

std::string prove(std::string_view key, std::string_view label, std::string_view first, std::string_view second,
                  std::string_view binding) {
  std::string text(label);
  text.append("\n").append(first).append(second).append(binding);
  const Digest digest = hmac_sha256(key, text);
  return {digest.begin(), digest.end()};
}

}  // namespace

std::string load_secret(const std::filesystem::path& file) {
  std::string secret = read_secret_file(file, kSecretBytes, "secret");
  if (secret.size() != kSecretBytes) {
    throw Error(ErrorKind::invalid_input, file.string() + ": holds " + std::to_string(secret.size()) +
                                              " bytes where a secret has 32; remove it and a new one is made");
  }
  return secret;
}

void create_secret(const std::filesystem::path& file) {
  write_secret_file(file, random_bytes(kSecretBytes), "secret");
}

std::string load_or_create_secret(const std::filesystem::path& file) {
  if (!std::filesystem::exists(file)) create_secret(file);
  return load_secret(file);
}

std::string_view to_string(Role role) {
  return role == Role::pool ? "pool" : role == Role::client ? "client" : "read";
}

Role parse_role(std::string_view text) {
  for (const Role role : {Role::pool, Role::client, Role::reader}) {
    if (to_string(role) == text) return role;
  }
  throw Error(ErrorKind::invalid_input, "no role is called \"" + std::string(text) + "\"");
}

std::string key_of(std::string_view secret, Role role) {
  const Digest digest = hmac_sha256(secret, to_string(role));
  return {digest.begin(), digest.end()};
}

std::string prove_peer(std::string_view key, Role role, std::string_view coordinator_nonce, std::string_view peer_nonce,
                       std::string_view binding) {
  return prove(key, "espalier " + std::string(to_string(role)), coordinator_nonce, peer_nonce, binding);
}

std::string prove_coordinator(std::string_view key, std::string_view coordinator_nonce, std::string_view peer_nonce,
                              std::string_view binding) {
  return prove(key, "espalier coordinator", coordinator_nonce, peer_nonce, binding);
}

bool proof_holds(std::string_view expected, std::string_view found) {
  // Hashing both first makes the comparison independent of length and content.
  return equal_in_constant_time(sha256(expected), sha256(found));
}

void write_connection_file(const std::filesystem::path& file, const ConnectionFile& connection) {
  nlohmann::json text{{"host", connection.host},
                      {"port", connection.port},
                      {"pid", connection.pid},
                      {"tls", to_hex(connection.certificate)}};
  write_file_atomically(file, text.dump() + "\n", 0600);
}

ConnectionFile read_connection_file(const std::filesystem::path& file) {
  if (!std::filesystem::exists(file)) {
    throw Error(ErrorKind::unavailable,
                file.string() + ": is missing, so no coordinator runs on this store; start one with: espalier run");
  }
  constexpr std::uintmax_t kMostBytes = 4096;
  const auto no_connection_file = [&](const char* why) {
    return Error(ErrorKind::corrupt, file.string() + ": is not a connection file: " + why);
  };
  try {
    const auto text = nlohmann::json::parse(read_file(file, kMostBytes));
    ConnectionFile connection{text.at("host").get<std::string>(), text.at("port").get<int>(),
                              text.at("pid").get<std::int64_t>(), digest_from_hex(text.at("tls").get<std::string>())};
    if (connection.port < 1 || connection.port > 65535) throw no_connection_file("its port is out of range");
    return connection;
  } catch (const nlohmann::json::exception& error) {
    throw no_connection_file(error.what());
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::corrupt) throw;
    throw no_connection_file(error.what());
  }
}

}  // namespace espalier
