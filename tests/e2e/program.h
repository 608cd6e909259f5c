#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <sys/types.h>
#include <vector>

namespace espalier {

struct ProgramEnd {
  int exit_code = -1;  ///< 128 + signal if a signal ended it
  std::string out;
  std::string err;
  double seconds = 0;
};

/// A program that runs beside the test, without a shell. Killed in the destructor if it still runs.
class Program {
 public:
  /// `environment` is put over our own; an empty value removes the variable.
  Program(const std::vector<std::string>& command, const std::map<std::string, std::string>& environment = {},
          const std::filesystem::path& folder = ".");
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  void signal(int number);
  bool running();
  /// Until it ends; kills it after `limit_s`.
  ProgramEnd wait(double limit_s = 240);
  pid_t pid() const { return pid_; }
  /// What it has printed so far.
  std::string out() const;
  std::string err() const;

 private:
  pid_t pid_ = -1;
  int status_ = 0;
  bool ended_ = false;
  double started_at_ = 0;
  std::filesystem::path out_, err_;
};

/// `espalier` of this build with these arguments, to its end.
ProgramEnd espalier(const std::vector<std::string>& arguments,
                    const std::map<std::string, std::string>& environment = {});
std::vector<std::string> espalier_command(const std::vector<std::string>& arguments);

/// Processes whose command line contains `text`, the caller's own excluded.
std::vector<pid_t> processes_with(const std::string& text);

}  // namespace espalier
