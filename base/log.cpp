#include "base/log.h"

#include <spdlog/sinks/basic_file_sink.h>

#include "base/error.h"

namespace espalier {

void log_to_file(const std::filesystem::path& file, std::string_view name) {
  try {
    auto logger = std::make_shared<spdlog::logger>(std::string(name),
                                                   std::make_shared<spdlog::sinks::basic_file_sink_mt>(file.string()));
    logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %n %P %l: %v");
    logger->flush_on(spdlog::level::info);
    spdlog::set_default_logger(std::move(logger));
  } catch (const spdlog::spdlog_ex& error) {
    throw Error(ErrorKind::invalid_input, file.string() + ": the log cannot be opened: " + error.what());
  }
}

}  // namespace espalier
