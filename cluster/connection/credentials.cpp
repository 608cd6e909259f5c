#include "cluster/connection/credentials.h"

#include <spdlog/spdlog.h>

#include "base/error.h"
#include "cluster/auth/authentication.h"
#include "cluster/connection/certificate.h"
#include "cluster/connection/tls.h"

namespace espalier {
namespace {

bool is_same_file(const struct stat& a, const struct stat& b) {
  return a.st_ino == b.st_ino && a.st_mtim.tv_sec == b.st_mtim.tv_sec && a.st_mtim.tv_nsec == b.st_mtim.tv_nsec;
}

}  // namespace

Credentials::Credentials(const StorePaths& store) : store_(store) {
  load_or_create_secret(store_.secret());
  make_certificate_if_missing(store_);
  ::stat(store_.secret().c_str(), &seen_);
  load();
}

void Credentials::load() {
  std::string secret = load_secret(store_.secret());
  tls_ = Tls::of_coordinator(store_);
  certificate_ = certificate_fingerprint(store_);
  secret_ = std::move(secret);
}

bool Credentials::follow_rotation() {
  struct stat now {};
  if (::stat(store_.secret().c_str(), &now) != 0 || is_same_file(now, seen_)) return false;
  seen_ = now;
  try {
    load();
  } catch (const Error& error) {
    spdlog::warn("the secret was replaced, but the old one stays in force: {}", error.what());
    return false;
  }
  spdlog::info("the secret was rotated: new connections need the new one");
  return true;
}

// The secret last: a process that reads the new one also finds the new certificate.
void rotate_credentials(const StorePaths& store) {
  if (std::filesystem::exists(store.certificate())) make_certificate(store);
  create_secret(store.secret());
}

}  // namespace espalier
