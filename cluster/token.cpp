#include "cluster/token.h"

#include <algorithm>

#include "base/error.h"
#include "cluster/secret_file.h"

namespace espalier {
namespace {

constexpr std::string_view kPrefix = "espalier1:";
constexpr std::uintmax_t kMostTokenBytes = 4096;

std::string to_bytes(const Digest& digest) {
  return {digest.begin(), digest.end()};
}
Digest to_digest(const std::string& secret) {
  Digest digest{};
  if (secret.size() != digest.size()) throw Error(ErrorKind::internal, "a secret has 32 bytes");
  std::copy(secret.begin(), secret.end(), digest.begin());
  return digest;
}

}  // namespace

std::string to_text(const Token& token) {
  return std::string(kPrefix) + to_hex(to_digest(token.secret)) + ":" +
         (token.certificate ? to_hex(*token.certificate) : "-") + "\n";
}

Token parse_token(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' ')) text.remove_suffix(1);
  const bool ours = text.substr(0, kPrefix.size()) == kPrefix;
  const std::string_view rest = ours ? text.substr(kPrefix.size()) : "";
  const std::size_t colon = rest.find(':');
  try {
    if (colon == std::string_view::npos) throw Error(ErrorKind::invalid_input, "");
    const std::string_view certificate = rest.substr(colon + 1);
    Token token{to_bytes(digest_from_hex(rest.substr(0, colon))), std::nullopt};
    if (certificate != "-") token.certificate = digest_from_hex(certificate);
    return token;
  } catch (const Error&) {
    throw Error(ErrorKind::invalid_input,
                "is no token of one line that begins with espalier1: ; write one where the coordinator runs, with: "
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
