#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace espalier {

/// 32 bytes of SHA-256 (FIPS 180-4).
using Digest = std::array<std::uint8_t, 32>;

Digest sha256(std::string_view bytes);
/// HMAC-SHA-256 (RFC 2104) of `message` under `secret`.
Digest hmac_sha256(std::string_view secret, std::string_view message);
/// The hash of a file's bytes, read in pieces. Errors: ErrorKind::invalid_input if it cannot be read
/// or is no regular file.
Digest sha256_file(const std::filesystem::path& path);

/// The hash of bytes that come bit by bit.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  void add(std::string_view bytes);
  /// Of everything that was added. Once; nothing may be added after it.
  Digest finish();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

/// 64 lower-case hexadecimal digits.
std::string to_hex(const Digest& digest);
/// Errors: ErrorKind::invalid_input unless `hex` is 64 hexadecimal digits.
Digest digest_from_hex(std::string_view hex);

/// Compares in a time that does not depend on where the two differ: for secrets.
bool equal_in_constant_time(const Digest& a, const Digest& b);

/// `count` bytes from the system's generator, for nonces and secrets; never for experiments (base/random.h).
std::string random_bytes(std::size_t count);

}  // namespace espalier
