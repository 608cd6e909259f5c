#pragma once

#include <optional>
#include <string>
#include <sys/stat.h>

#include "base/sha256.h"
#include "cluster/connection/stream.h"
#include "experiments/paths/store_paths.h"

namespace espalier {

/// What a coordinator proves itself with: its store's secret and its certificate. Both are made at first use,
/// and followed when they are rotated: connections that stand keep what they began with.
class Credentials {
 public:
  /// Errors: ErrorKind::invalid_input if a file of them is readable by others, damaged, or cannot be made.
  explicit Credentials(const StorePaths& store);

  /// Looks whether the secret was replaced (the last thing that a rotation does), and takes in what is new. True if it
  /// did. What cannot be read leaves the old ones in force, with a line in the log.
  bool follow_rotation();

  const std::string& secret() const { return secret_; }
  const TlsPtr& tls() const { return tls_; }
  const Digest& certificate() const { return certificate_; }

 private:
  void load();

  StorePaths store_;
  std::string secret_;
  TlsPtr tls_;
  Digest certificate_{};
  struct stat seen_ {};
};

/// A new secret, and a new certificate if there is one: tokens written before are worth nothing from then on. Errors:
/// those of write_file_atomically.
void rotate_credentials(const StorePaths& store);

}  // namespace espalier
