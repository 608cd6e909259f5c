#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "orchestrator/fetch/fetch_files.h"
#include "orchestrator/fetch/partial_file.h"

namespace espalier {

/// HTTP over TLS, by libcurl: no other file knows it. One thread at a time.
class Transfer {
 public:
  /// `options` must outlive it.
  explicit Transfer(const FetchOptions& options);
  ~Transfer();
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  /// Brings what `partial` lacks of a file of `bytes`, in one request; `received` grows by what came over the network.
  /// Why it is not all there now, as a clause about the URL: `broke off after 5 of 9 bytes`; "" if it is, or if
  /// FetchOptions::stopped said so. What came stays in `partial`.
  /// Errors: ErrorKind::invalid_input for FetchOptions::ca_file; those of PartialFile.
  std::string bring(const std::string& url, std::uint64_t bytes, PartialFile& partial, std::uint64_t& received,
                    const std::function<void()>& progress);

 private:
  struct Handle;
  std::unique_ptr<Handle> handle_;
  const FetchOptions& options_;
};

}  // namespace espalier
