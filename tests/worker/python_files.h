#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace espalier {

/// A folder with what a program of Python wrote into it; both last as long as this.
class PythonFiles {
 public:
  static constexpr int kMissing = 77;  ///< how programs end that lack a library

  /// Runs SCRIPT FOLDER and these words with Debian's Python, on one thread. `name` is the folder's.
  PythonFiles(const std::string& name, const std::string& script, const std::vector<std::string>& words)
      : folder_(std::filesystem::temp_directory_path() / (name + "_" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(folder_);
    exit_code_ = run(script, words);
  }
  ~PythonFiles() { std::filesystem::remove_all(folder_); }
  PythonFiles(const PythonFiles&) = delete;
  PythonFiles& operator=(const PythonFiles&) = delete;

  /// Another program there; its exit code.
  int run(const std::string& script, const std::vector<std::string>& words) const {
    std::string command = "OMP_NUM_THREADS=1 /usr/bin/python3 -W ignore '" + script + "' '" + folder_.string() + "'";
    for (const std::string& word : words) command += " '" + word + "'";
    const int status = std::system((command + " > '" + log().string() + "' 2>&1").c_str());
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  const std::filesystem::path& folder() const { return folder_; }
  int exit_code() const { return exit_code_; }
  bool lacks_library() const { return exit_code_ == kMissing; }
  /// What the last one said.
  std::string said() const {
    std::ifstream in(log());
    std::ostringstream text;
    text << in.rdbuf();
    return std::move(text).str();
  }

 private:
  std::filesystem::path log() const { return folder_ / "python.log"; }

  const std::filesystem::path folder_;
  int exit_code_ = 0;
};

}  // namespace espalier
