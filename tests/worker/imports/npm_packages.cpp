#include "tests/worker/imports/npm_packages.h"

#include <cstdlib>
#include <sys/wait.h>

#include "base/files.h"

namespace espalier {
namespace {

namespace fs = std::filesystem;

const fs::path kFolder = ESPALIER_NPM_FOLDER, kSource = ESPALIER_NPM_PACKAGES;

int run(const std::string& command) {
  const int status = std::system(command.c_str());
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

bool install() {
  const fs::path installed = kFolder / "installed";
  const std::string wanted = read_file(kSource / "package-lock.json", 1 << 20);
  if (fs::exists(installed) && read_file(installed, 1 << 20) == wanted) return true;
  fs::create_directories(kFolder);
  for (const char* file : {"package.json", "package-lock.json"})
    fs::copy_file(kSource / file, kFolder / file, fs::copy_options::overwrite_existing);
  if (run("cd '" + kFolder.string() + "' && npm ci --ignore-scripts > npm.log 2>&1") != 0) return false;
  write_file_atomically(installed, wanted);
  return true;
}

}  // namespace

fs::path npm_packages() {
  static const bool kInstalled = install();
  return kInstalled ? kFolder : fs::path();
}

int run_node(const fs::path& program, const std::vector<std::string>& words, const fs::path& log) {
  std::string command = "NODE_PATH='" + (kFolder / "node_modules").string() + "' node '" + program.string() + "'";
  for (const std::string& word : words) command += " '" + word + "'";
  return run(command + " > '" + log.string() + "' 2>&1");
}

int run_onnxruntime(const std::vector<std::string>& files, const fs::path& to, const fs::path& log) {
  std::vector<std::string> words{to.string()};
  words.insert(words.end(), files.begin(), files.end());
  return run_node(kSource / "outputs.js", words, log);
}

}  // namespace espalier
