#include "cluster/files/spool.h"

#include <algorithm>
#include <cstdio>
#include <system_error>
#include <utility>

#include <spdlog/spdlog.h>

#include "base/error.h"
#include "base/files.h"
#include "cluster/auth/secret_file.h"

namespace espalier {
namespace {

constexpr std::string_view kEnding = ".reports";

std::string hexadecimal(const std::string& bytes) {
  std::string text;
  for (const char byte : bytes) {
    char digits[3];
    std::snprintf(digits, sizeof digits, "%02x", static_cast<unsigned>(static_cast<unsigned char>(byte)));
    text += digits;
  }
  return text;
}

/// The environment travels as a RankReady before the frame's own reports.
std::string with_environment(const SpooledReports& reports) {
  std::vector<RankReport> all{RankReady{reports.environment, "spooled", {}}};
  for (RankReport& report : decode_reports(reports.frame.reports)) all.push_back(std::move(report));
  return encode(Message{FromRank{reports.frame.rank, encode(all), reports.frame.sequence}});
}

SpooledReports parse_reports(const std::string& bytes) {
  const Message message = decode_message(bytes);
  const FromRank* frame = std::get_if<FromRank>(&message);
  if (frame == nullptr) throw Error(ErrorKind::corrupt, "it holds another message");
  std::vector<RankReport> reports = decode_reports(frame->reports);
  const RankReady* first = reports.empty() ? nullptr : std::get_if<RankReady>(&reports.front());
  if (first == nullptr) throw Error(ErrorKind::corrupt, "it does not begin with an environment");
  SpooledReports result{first->environment, {frame->rank, "", frame->sequence}};
  reports.erase(reports.begin());
  result.frame.reports = encode(reports);
  return result;
}

}  // namespace

std::filesystem::path spool_file(const std::filesystem::path& folder, const std::string& identity,
                                 std::uint64_t sequence) {
  char number[24];
  std::snprintf(number, sizeof number, "%016llx", static_cast<unsigned long long>(sequence));
  return folder / (hexadecimal(identity) + "." + number + std::string(kEnding));
}

void write_spooled(const std::filesystem::path& folder, const std::string& identity, const SpooledReports& reports) {
  std::error_code ignored;  // writing reports it
  std::filesystem::create_directories(folder, ignored);
  write_file_atomically(spool_file(folder, identity, reports.frame.sequence), with_environment(reports), 0600);
}

std::vector<SpoolEntry> read_spool(const std::filesystem::path& folder) {
  std::vector<SpoolEntry> entries;
  std::error_code missing;
  std::vector<std::filesystem::path> files;
  for (std::filesystem::directory_iterator file(folder, missing), end; !missing && file != end;
       file.increment(missing)) {
    if (file->path().extension() == kEnding) files.push_back(file->path());
  }
  std::sort(files.begin(), files.end());
  for (const std::filesystem::path& file : files) {
    try {
      entries.push_back({file, parse_reports(read_secret_file(file, 2 * std::uintmax_t{kFrameLimitBytes}, "report"))});
    } catch (const Error& error) {
      std::filesystem::path aside = file;
      aside += ".damaged";
      std::error_code ignored;
      std::filesystem::rename(file, aside, ignored);
      spdlog::warn("set aside {}: {}", file.string(), error.what());
    }
  }
  return entries;
}

}  // namespace espalier
