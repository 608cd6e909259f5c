#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/sha256.h"

namespace espalier {

/// A file on the network, and what it has to be.
struct RemoteFile {
  std::string name;               ///< that it gets in the folder; no path
  std::vector<std::string> urls;  ///< `https://...`, tried in order
  std::uint64_t bytes = 0;
  Digest sha256{};
};

/// How far one file is.
struct FetchProgress {
  std::string name;
  std::uint64_t bytes = 0;     ///< of the file
  std::uint64_t there = 0;     ///< of these, with what earlier runs left
  std::uint64_t received = 0;  ///< of these, since this file was begun
  double seconds = 0;          ///< since then
};

/// `t10k-images-idx3-ubyte.gz: 0.8 of 1.6 MB, 0.4 MB/s, about 2.0 s left`: for people.
std::string fetch_progress_text(const FetchProgress& progress);

struct FetchOptions {
  std::filesystem::path ca_file;           ///< PEM: authorities to trust beside the system's; "" for those alone
  std::chrono::seconds connect_limit{30};  ///< to connect, TLS included
  std::chrono::seconds stall_limit{30};    ///< without a byte
  std::chrono::milliseconds pause{1000};   ///< before all URLs of a file are tried again
  std::function<bool()> stopped = [] { return false; };                              ///< asked at least once a second
  std::function<void(const FetchProgress&)> progress = [](const FetchProgress&) {};  ///< after each piece
};

struct FetchedFile {
  std::filesystem::path path;
  std::uint64_t bytes = 0;
  std::uint64_t received = 0;  ///< over the network, in this run
  bool was_there = false;      ///< and right
  std::string url;             ///< that brought the last of it; "" of a file that was there
};

struct FetchSummary {
  std::vector<FetchedFile> files;  ///< those that are there now, in the order asked for
  bool stopped = false;            ///< before all were there
};

/// Downloads files over https into a folder, which is made. A file takes its name once all of it is there and has the
/// SHA-256 that it has to have; until then it is NAME.part, which a later run, from any of the URLs, continues (with an
/// HTTP range; a server without them sends it all again). More bytes than announced are never written. A connection
/// that breaks off is taken up again as long as that brings bytes. What is there already, and right, is not fetched.
/// Redirects are followed, to https alone. $https_proxy and $no_proxy count, as for curl.
/// Errors, none of which leaves a wrong file under its name: ErrorKind::unavailable if no URL brings a file, with what
/// each said, or if another process fetches into the folder; ErrorKind::corrupt if all that came was another file, with
/// both SHA-256; ErrorKind::invalid_input if another file has its name, for a URL that is not https, and for a CA file
/// that cannot be used; those of throw_file_error. Blocks; for one thread at a time.
FetchSummary fetch_files(const std::vector<RemoteFile>& files, const std::filesystem::path& folder,
                         const FetchOptions& options);

}  // namespace espalier
