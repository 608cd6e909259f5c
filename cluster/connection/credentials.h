#pragma once

#include <optional>
#include <string>
#include <sys/stat.h>

#include "base/sha256.h"
#include "cluster/connection/stream.h"
#include "experiments/paths/store_paths.h"

namespace espalier {

/// The coordinator's credentials: its store's secret and its certificate. Both are made at first use, and read again
/// when they are rotated; open connections keep the old ones.
class Credentials {
 public:
  /// Errors: ErrorKind::invalid_input if a file of them is readable by others, damaged, or cannot be made.
  explicit Credentials(const StorePaths& store);

  /// Checks whether the secret was replaced (the last step of a rotation), and loads the new credentials. True if it
  /// did. If they cannot be read, the old ones stay in force, with a line in the log.
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

/// Makes a new secret, and a new certificate if there is one: invalidates older tokens. Errors: those of
/// write_file_atomically.
void rotate_credentials(const StorePaths& store);

}  // namespace espalier
