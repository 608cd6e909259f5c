#pragma once

#include <memory>
#include <string>

#include <boost/asio/ssl/context.hpp>
#include <boost/system/error_code.hpp>

#include "base/sha256.h"
#include "cluster/connection/stream.h"
#include "experiments/paths/store_paths.h"

namespace espalier {

/// One side of TLS 1.3, for any number of connections: no older version, no session resumption, no 0-RTT.
/// Shared by its owner and the streams under it, which may outlive a rotation.
class Tls {
 public:
  /// The coordinator's side, with the store's certificate. Errors: ErrorKind::invalid_input if certificate or key is
  /// missing, others can read it, or the two do not belong together.
  static TlsPtr of_coordinator(const StorePaths& store);
  /// The other side: accepts only the certificate of that SHA-256.
  static TlsPtr of_peer(const Digest& certificate);

  boost::asio::ssl::context& context() { return context_; }
  bool is_coordinator() const { return is_coordinator_; }

  /// Why a handshake failed, and what to fix.
  std::string explain(const boost::system::error_code& error) const;

 private:
  explicit Tls(bool is_coordinator);

  boost::asio::ssl::context context_;
  const bool is_coordinator_;
  Digest pinned_{};
};

}  // namespace espalier
