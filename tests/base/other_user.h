#pragma once

#include <cstdio>
#include <exception>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

namespace espalier {

/// Somebody else on this machine, for tests that root runs: what a local attacker can do is done by him.
constexpr uid_t kOtherUser = 65534;

inline bool can_be_other_user() {
  return ::geteuid() == 0;
}

/// Runs `act` as the other user in a child; what it throws, or "".
inline std::string as_other_user(const std::function<void()>& act) {
  int said[2];
  if (::pipe(said) != 0) return "no pipe";
  const pid_t child = ::fork();
  if (child == 0) {
    std::string error;
    try {
      if (::setresgid(kOtherUser, kOtherUser, kOtherUser) != 0 || ::setresuid(kOtherUser, kOtherUser, kOtherUser) != 0)
        throw std::runtime_error("cannot become the other user");
      act();
    } catch (const std::exception& failure) {
      error = failure.what();
    }
    const ssize_t ignored = ::write(said[1], error.data(), error.size());
    ::_exit(ignored < 0 ? 1 : 0);
  }
  ::close(said[1]);
  std::string error;
  char piece[512];
  for (ssize_t count; (count = ::read(said[0], piece, sizeof piece)) > 0;)
    error.append(piece, static_cast<std::size_t>(count));
  ::close(said[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  return status == 0 ? error : error + " (ended with status " + std::to_string(status) + ")";
}

/// A folder under the one for temporary files, with that mode whatever the umask, gone at the end.
class SharedFolder {
 public:
  explicit SharedFolder(const std::string& name, mode_t mode = 0777)
      : path_(std::filesystem::temp_directory_path() / (name + std::to_string(::getpid()))) {
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
    ::chmod(path_.c_str(), mode);
  }
  ~SharedFolder() { std::filesystem::remove_all(path_); }
  SharedFolder(const SharedFolder&) = delete;
  SharedFolder& operator=(const SharedFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace espalier
