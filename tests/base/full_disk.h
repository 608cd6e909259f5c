#pragma once

#include <filesystem>
#include <functional>
#include <sched.h>
#include <string>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <thread>

namespace espalier {

/// Runs `act` while `folder` is a disk of `bytes`, in a mount namespace that only its thread sees; the disk goes with
/// the thread. False, and nothing was run, where we may not mount.
inline bool on_small_disk(const std::filesystem::path& folder, int bytes, const std::function<void()>& act) {
  bool mounted = false;
  std::thread([&] {
    if (::unshare(CLONE_NEWNS) != 0 || ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return;
    const std::string size = "size=" + std::to_string(bytes);
    mounted = ::mount("none", folder.c_str(), "tmpfs", 0, size.c_str()) == 0;
    if (mounted) act();
  }).join();
  return mounted;
}

}  // namespace espalier
