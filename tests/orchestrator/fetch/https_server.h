#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>

namespace espalier {

/// What a client asked for.
struct HttpRequest {
  std::string target;  ///< `/a.gz`
  std::string range;   ///< `bytes=5-`; "" for all of it
};

/// What goes back, as it is; then the connection is closed, or, where it hangs, left open until the client closes it.
struct HttpReply {
  std::string bytes;  ///< head and body
  std::uint64_t body_bytes = 0;
  bool hangs = false;
};

/// The whole file, with its length.
HttpReply whole_file(std::string_view file);
/// What the request asks for of the file, as a server with ranges answers.
HttpReply part_of_file(std::string_view file, const HttpRequest& request);
/// Without so many of its last bytes.
HttpReply broken_off(HttpReply reply, std::uint64_t missing);
HttpReply redirect_to(const std::string& url);

/// An https server on 127.0.0.1, with a certificate of its own. Answers one connection after the other.
class HttpsServer {
 public:
  using Answer = std::function<HttpReply(const HttpRequest&)>;

  /// `answer` is called on the server's thread.
  explicit HttpsServer(Answer answer);
  ~HttpsServer();
  HttpsServer(const HttpsServer&) = delete;
  HttpsServer& operator=(const HttpsServer&) = delete;

  /// `https://127.0.0.1:PORT/`
  std::string url() const;
  /// The certificate, for clients that are to trust it.
  const std::filesystem::path& ca_file() const { return ca_file_; }
  std::vector<HttpRequest> requests() const;
  std::uint64_t body_bytes() const { return body_bytes_; }

 private:
  void serve();
  void answer_one(boost::asio::ip::tcp::socket socket);

  const Answer answer_;
  const std::filesystem::path ca_file_;
  boost::asio::io_context io_;
  boost::asio::ssl::context tls_;
  boost::asio::ip::tcp::acceptor acceptor_;
  mutable std::mutex mutex_;
  std::vector<HttpRequest> requests_;
  std::atomic<std::uint64_t> body_bytes_ = 0;
  std::atomic<bool> stopped_ = false;
  std::thread thread_;
};

}  // namespace espalier
