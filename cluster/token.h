#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/sha256.h"

namespace espalier {

/// All that a pool needs besides an address, to join from a machine that does not see the store.
struct Token {
  std::string secret;                 ///< the store's, 32 bytes
  std::optional<Digest> certificate;  ///< SHA-256 of what the coordinator shows; none: plain TCP, over loopback
};

/// One line: espalier1:<hex secret>:<hex certificate sha256, or ->
std::string to_text(const Token& token);
/// Errors: ErrorKind::invalid_input, without a word of what the text was: it may be a secret with a typing error.
Token parse_token(std::string_view text);

/// Errors: ErrorKind::invalid_input if it is missing, others can read it (with the chmod to run), or it is no token.
Token read_token_file(const std::filesystem::path& file);

}  // namespace espalier
