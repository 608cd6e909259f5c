#include "cluster/connection/coordinator_address.h"

#include <charconv>

#include <fmt/format.h>

#include "base/error.h"
#include "cluster/auth/authentication.h"
#include "cluster/auth/token.h"
#include "experiments/paths/store_paths.h"

namespace espalier {

std::string CoordinatorAddress::place() const {
  const bool v6 = host.find(':') != std::string::npos;
  return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

HostAndPort parse_host_and_port(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  std::string host = text.substr(0, colon == std::string::npos ? 0 : colon);
  const bool in_brackets = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (in_brackets) host = host.substr(1, host.size() - 2);
  int port = 0;
  const char* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data() + colon + 1, end, port);  // npos + 1 is 0
  const bool is_port = read.ec == std::errc() && read.ptr == end && port >= 1 && port <= 65535;
  const bool is_host = !host.empty() && (in_brackets || host.find_first_of(":[]") == std::string::npos);
  if (!is_port || !is_host) {
    throw Error(ErrorKind::invalid_input,
                "expected HOST:PORT, or [ADDRESS]:PORT for an IPv6 address, found \"" + text + "\"");
  }
  return {host, port};
}

CoordinatorSource CoordinatorSource::in_store(const std::filesystem::path& store) {
  CoordinatorSource source;
  source.store_ = store;
  source.secret_file_ = StorePaths{store}.secret();
  return source;
}

CoordinatorSource CoordinatorSource::with_token(HostAndPort at, const std::filesystem::path& token_file) {
  CoordinatorSource source;
  source.at_ = std::move(at);
  source.secret_file_ = token_file;
  return source;
}

CoordinatorAddress CoordinatorSource::look_up(Role role) const {
  if (at_) {
    const Token token = read_token_file(secret_file_);
    if (token.role != role && !(token.role == Role::reader && role == Role::client)) {
      throw Error(
          ErrorKind::invalid_input,
          fmt::format("{}: is a token of the role {}, and this needs one of {}; write one where the coordinator "
                      "runs, with: espalier token write FILE --role {}",
                      secret_file_.string(), to_string(token.role), to_string(role), to_string(role)));
    }
    return {at_->host, at_->port, token.role, token.key, token.certificate, secret_file_};
  }
  const std::filesystem::path file = StorePaths{store_}.connection();
  const ConnectionFile where = read_connection_file(file);
  return {where.host, where.port, role, key_of(load_secret(secret_file_), role), where.certificate, file};
}

}  // namespace espalier
