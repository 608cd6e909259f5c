#include "orchestrator/fetch/transfer.h"

#include <cstdio>
#include <curl/curl.h>
#include <exception>
#include <string_view>

#include <fmt/format.h>

#include "base/error.h"

namespace espalier {
namespace {

constexpr long kMostRedirects = 5;

/// One request: what libcurl's callbacks share.
struct Request {
  CURL* curl = nullptr;
  std::uint64_t bytes = 0;
  PartialFile& partial;
  std::uint64_t& received;
  const std::function<void()>& progress;
  const std::function<bool()>& stopped;
  std::uint64_t begin = 0;  ///< the first byte that was asked for
  bool begun = false;
  bool was_stopped = false;
  std::string refusal;       ///< why we hung up
  std::exception_ptr error;  ///< of our own file

  bool refuse(std::string why) {
    refusal = std::move(why);
    return false;
  }

  /// At the first byte: whether this is the file, or the part of it that was asked for.
  bool accept_answer() {
    long code = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &code);
    if (code != 200 && code != 206) return refuse(fmt::format("answered with HTTP status {}", code));
    if (code == 200 && begin > 0) {
      partial.clear();  // it has no ranges
      begin = 0;
    }
    curl_header* range = nullptr;
    if (code == 206) {
      unsigned long long first = 0, last = 0, whole = 0;
      const bool has_range = curl_easy_header(curl, "Content-Range", 0, CURLH_HEADER, -1, &range) == CURLHE_OK;
      const int read = has_range ? std::sscanf(range->value, "bytes %20llu-%20llu/%20llu", &first, &last, &whole) : 0;
      if (read < 2 || first != begin) return refuse("sent another part of the file than the one that was asked for");
      if (read == 3 && whole != bytes) return refuse(fmt::format("has a file of {} bytes, not of {}", whole, bytes));
    }
    curl_off_t announced = -1;
    curl_easy_getinfo(curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &announced);
    if (announced < 0 || static_cast<std::uint64_t>(announced) == bytes - begin) return true;
    return refuse(fmt::format("announces {} bytes where {} are missing", announced, bytes - begin));
  }

  bool take(std::string_view piece) {
    if (!begun && !accept_answer()) return false;
    begun = true;
    if (partial.size() + piece.size() > bytes) return refuse(fmt::format("sends more than the {} bytes", bytes));
    partial.append(piece);
    received += piece.size();
    progress();
    return true;
  }
};

extern "C" {
static std::size_t take_fetched_bytes(char* data, std::size_t, std::size_t count, void* request_pointer) {
  auto& request = *static_cast<Request*>(request_pointer);
  try {
    return request.take({data, count}) ? count : 0;
  } catch (...) {  // C is above us
    request.error = std::current_exception();
    return 0;
  }
}
static int fetch_is_stopped(void* request_pointer, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  auto& request = *static_cast<Request*>(request_pointer);
  try {
    request.was_stopped = request.stopped();
  } catch (...) {
    request.error = std::current_exception();
  }
  return request.was_stopped || request.error ? 1 : 0;
}
}

[[noreturn]] void refuse_authorities(const std::filesystem::path& ca_file) {
  throw Error(ErrorKind::invalid_input,
              ca_file.empty() ? "this machine has no list of certificate authorities; install ca-certificates, or name "
                                "a list with --ca-file FILE"
                              : ca_file.string() + ": no certificates in PEM format can be read from it");
}

std::string say_why(CURLcode code, const std::string& said) {
  switch (code) {
    case CURLE_UNSUPPORTED_PROTOCOL:
      return "leads to an address without https, which is not followed";
    case CURLE_PEER_FAILED_VERIFICATION:
      return "its certificate is not trusted (" + said +
             "); if a proxy or mirror of your site has an authority of its own, name its certificate with --ca-file "
             "FILE";
    default:
      return said;
  }
}

}  // namespace

struct Transfer::Handle {
  CURL* curl = nullptr;
  ~Handle() { curl_easy_cleanup(curl); }
};

Transfer::Transfer(const FetchOptions& options) : handle_(std::make_unique<Handle>()), options_(options) {
  static const CURLcode kStarted = curl_global_init(CURL_GLOBAL_DEFAULT);  // for the life of the process
  if (kStarted == CURLE_OK) handle_->curl = curl_easy_init();
  if (handle_->curl == nullptr) throw Error(ErrorKind::internal, "libcurl could not be started");
}

Transfer::~Transfer() = default;

std::string Transfer::bring(const std::string& url, std::uint64_t bytes, PartialFile& partial, std::uint64_t& received,
                            const std::function<void()>& progress) {
  CURL* const curl = handle_->curl;
  Request request{.curl = curl,
                  .bytes = bytes,
                  .partial = partial,
                  .received = received,
                  .progress = progress,
                  .stopped = options_.stopped,
                  .begin = partial.size(),
                  .refusal = "",
                  .error = nullptr};
  char said[CURL_ERROR_SIZE] = "";
  const std::string range = std::to_string(request.begin) + "-";
  curl_easy_reset(curl);
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https");
  curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "https");
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(curl, CURLOPT_MAXREDIRS, kMostRedirects);
  curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
  curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
  if (!options_.ca_file.empty()) curl_easy_setopt(curl, CURLOPT_CAINFO, options_.ca_file.c_str());
  curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_USERAGENT, "espalier");
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, static_cast<long>(options_.connect_limit.count()));
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, static_cast<long>(options_.stall_limit.count()));
  if (request.begin > 0) curl_easy_setopt(curl, CURLOPT_RANGE, range.c_str());
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, said);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &take_fetched_bytes);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &request);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, &fetch_is_stopped);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &request);
  const CURLcode code = curl_easy_perform(curl);
  if (request.error) std::rethrow_exception(request.error);
  if (code == CURLE_SSL_CACERT_BADFILE) refuse_authorities(options_.ca_file);
  if (request.was_stopped || (code == CURLE_OK && partial.size() == bytes)) return "";
  if (!request.refusal.empty()) return request.refusal;
  const std::string reason = code == CURLE_OK ? "" : say_why(code, *said != '\0' ? said : curl_easy_strerror(code));
  if (request.begun)
    return fmt::format("broke off after {} of {} bytes{}{}", partial.size(), bytes, reason.empty() ? "" : ": ", reason);
  return reason.empty() ? "sent nothing" : reason;
}

}  // namespace espalier
