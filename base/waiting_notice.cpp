#include "base/waiting_notice.h"

#include <chrono>
#include <condition_variable>
#include <iostream>
#include <mutex>
#include <stop_token>
#include <utility>

namespace espalier {
namespace {

constexpr std::chrono::seconds kQuietFor{2};

}  // namespace

WaitingNotice::WaitingNotice(std::string line)
    : thread_([line = std::move(line)](const std::stop_token& over) {
        std::mutex mutex;
        std::unique_lock lock(mutex);
        std::condition_variable_any never;
        never.wait_for(lock, over, kQuietFor, [] { return false; });
        if (!over.stop_requested()) std::cerr << line << std::endl;
      }) {}

}  // namespace espalier
