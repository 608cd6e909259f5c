#include "tests/e2e/program.h"

#include <atomic>
#include <chrono>
#include <fcntl.h>
#include <fstream>
#include <signal.h>
#include <stdexcept>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "base/files.h"

namespace espalier {
namespace {

double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::filesystem::path scratch_file(const std::string& suffix) {
  static std::atomic<int> count{0};
  return std::filesystem::temp_directory_path() /
         ("espalier_program_" + std::to_string(::getpid()) + "_" + std::to_string(count++) + suffix);
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

std::vector<std::string> merged_environment(const std::map<std::string, std::string>& changes) {
  std::vector<std::string> variables;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string text = *variable;
    if (changes.count(text.substr(0, text.find('='))) == 0) variables.push_back(text);
  }
  for (const auto& [name, value] : changes) {
    if (!value.empty()) variables.push_back(name + "=" + value);
  }
  return variables;
}

}  // namespace

Program::Program(const std::vector<std::string>& command, const std::map<std::string, std::string>& environment,
                 const std::filesystem::path& folder)
    : started_at_(seconds_now()), out_(scratch_file(".out")), err_(scratch_file(".err")) {
  std::vector<std::string> words = command;
  std::vector<std::string> variables = merged_environment(environment);
  const std::vector<char*> arguments = pointers_to(words);
  const std::vector<char*> environment_pointers = pointers_to(variables);
  pid_ = ::fork();
  if (pid_ < 0) throw std::runtime_error("fork failed");
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::chdir(folder.c_str()) != 0) ::_exit(126);
    ::dup2(::open("/dev/null", O_RDONLY), 0);
    ::dup2(::open(out_.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644), 1);
    ::dup2(::open(err_.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644), 2);
    ::execve(arguments[0], arguments.data(), environment_pointers.data());
    ::_exit(127);
  }
}

Program::~Program() {
  if (!ended_) wait(0);
  std::error_code ignored;
  std::filesystem::remove(out_, ignored);
  std::filesystem::remove(err_, ignored);
}

void Program::signal(int number) {
  if (running()) ::kill(pid_, number);
}

bool Program::running() {
  if (!ended_) ended_ = ::waitpid(pid_, &status_, WNOHANG) == pid_;
  return !ended_;
}

ProgramEnd Program::wait(double limit_s) {
  const double deadline = seconds_now() + limit_s;
  while (running()) {
    if (seconds_now() > deadline) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, &status_, 0);
      ended_ = true;
      break;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  constexpr std::uintmax_t kMost = 64U << 20;
  ProgramEnd end;
  end.exit_code = WIFSIGNALED(status_) ? 128 + WTERMSIG(status_) : WEXITSTATUS(status_);
  end.seconds = seconds_now() - started_at_;
  end.out = std::filesystem::exists(out_) ? read_file(out_, kMost) : "";
  end.err = std::filesystem::exists(err_) ? read_file(err_, kMost) : "";
  return end;
}

std::string Program::out() const {
  return std::filesystem::exists(out_) ? read_file(out_, 64U << 20) : "";
}

std::string Program::err() const {
  return std::filesystem::exists(err_) ? read_file(err_, 64U << 20) : "";
}

std::vector<std::string> espalier_command(const std::vector<std::string>& arguments) {
  std::vector<std::string> command{
      (std::filesystem::read_symlink("/proc/self/exe").parent_path() / "espalier").string()};
  command.insert(command.end(), arguments.begin(), arguments.end());
  return command;
}

ProgramEnd espalier(const std::vector<std::string>& arguments, const std::map<std::string, std::string>& environment) {
  return Program(espalier_command(arguments), environment).wait();
}

std::vector<pid_t> processes_with(const std::string& text) {
  std::vector<pid_t> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string name = entry.path().filename().string();
    if (name.find_first_not_of("0123456789") != std::string::npos || std::stol(name) == ::getpid()) continue;
    std::ifstream in(entry.path() / "cmdline", std::ios::binary);
    const std::string line{std::istreambuf_iterator<char>(in), {}};
    if (line.find(text) != std::string::npos) found.push_back(static_cast<pid_t>(std::stol(name)));
  }
  return found;
}

}  // namespace espalier
