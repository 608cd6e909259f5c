#include "cluster/auth/token.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"
#include "cluster/auth/authentication.h"
#include "cluster/auth/secret_file.h"

namespace espalier {
namespace {

constexpr std::string_view kPrefix = "espalier2";
constexpr std::uintmax_t kMostTokenBytes = 4096;

/// Up to the next colon, and takes it off.
std::string_view token_part(std::string_view& text) {
  const std::string_view part = text.substr(0, text.find(':'));
  text.remove_prefix(std::min(text.size(), part.size() + 1));
  return part;
}

}  // namespace

std::string to_text(const Token& token) {
  Digest key{};
  if (token.key.size() != key.size()) throw Error(ErrorKind::internal, "a key has 32 bytes");
  std::copy(token.key.begin(), token.key.end(), key.begin());
  return fmt::format("{}:{}:{}:{}\n", kPrefix, to_string(token.role), to_hex(key), to_hex(token.certificate));
}

Token parse_token(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' ')) text.remove_suffix(1);
  try {
    if (token_part(text) != kPrefix) throw Error(ErrorKind::invalid_input, "another prefix");
    const Role role = parse_role(token_part(text));
    const Digest key = digest_from_hex(token_part(text));
    return {role, {key.begin(), key.end()}, digest_from_hex(text)};
  } catch (const Error&) {
    throw Error(ErrorKind::invalid_input,
                "is no token of one line that begins with espalier2: ; write one where the coordinator runs, with: "
                "espalier token write FILE");
  }
}

Token read_token_file(const std::filesystem::path& file) {
  const std::string text = read_secret_file(file, kMostTokenBytes, "token");
  try {
    return parse_token(text);
  } catch (const Error& error) {
    throw Error(error.kind(), file.string() + ": " + error.what());
  }
}

}  // namespace espalier
