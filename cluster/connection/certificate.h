#pragma once

#include "base/sha256.h"
#include "experiments/paths/store_paths.h"

namespace espalier {

// The coordinator's self-signed TLS certificate with a P-256 key. No authority, dates or names are checked: both sides
// pin its fingerprint, the SHA-256 of its DER.

/// Replaces key and certificate by new ones. Errors: those of write_file_atomically.
void make_certificate(const StorePaths& store);

/// Makes one if there is none.
void make_certificate_if_missing(const StorePaths& store);

/// Errors: ErrorKind::invalid_input if it is missing, others can read it, or it is no certificate.
Digest certificate_fingerprint(const StorePaths& store);

}  // namespace espalier
