#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/sha256.h"
#include "cluster/protocol/protocol.h"

namespace espalier {

/// Credentials to connect to a coordinator by its address, from a machine without access to the store.
struct Token {
  Role role = Role::pool;
  std::string key;       ///< of that role (key_of), 32 bytes
  Digest certificate{};  ///< SHA-256 of the coordinator's
};

/// One line: espalier2:<role>:<hex key>:<hex certificate sha256>
std::string to_text(const Token& token);
/// Errors: ErrorKind::invalid_input, without quoting the text: it may be a mistyped secret.
Token parse_token(std::string_view text);

/// Errors: ErrorKind::invalid_input if it is missing, others can read it (with the chmod to run), or it is no token.
Token read_token_file(const std::filesystem::path& file);

}  // namespace espalier
