#include "base/log.h"

#include <cerrno>
#include <cstdio>
#include <system_error>
#include <unistd.h>

#include <spdlog/details/console_globals.h>
#include <spdlog/sinks/stdout_sinks.h>

#include "base/file_error.h"
#include "base/own_file.h"

namespace espalier {

// spdlog's own sink for files would open it by name, and follow a link there.
void log_to_file(const std::filesystem::path& file, std::string_view name) {
  std::error_code said_by_opening;
  std::filesystem::create_directories(file.parent_path(), said_by_opening);
  const int descriptor = open_own_file(file, OwnFile::append);
  std::FILE* stream = ::fdopen(descriptor, "a");  // for as long as the process lives, as its logger does
  if (stream == nullptr) {
    const int code = errno;
    ::close(descriptor);
    throw_file_error(file, "opening the log", code);
  }
  using Sink = spdlog::sinks::stdout_sink_base<spdlog::details::console_mutex>;
  auto logger = std::make_shared<spdlog::logger>(std::string(name), std::make_shared<Sink>(stream));
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %n %P %l: %v");
  logger->flush_on(spdlog::level::info);
  spdlog::set_default_logger(std::move(logger));
}

}  // namespace espalier
