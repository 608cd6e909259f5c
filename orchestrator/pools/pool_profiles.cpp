#include "orchestrator/pools/pool_profiles.h"

#include <algorithm>
#include <filesystem>
#include <vector>

#include "base/error.h"
#include "base/files.h"
#include "base/suggest.h"
#include "experiments/diagnostics/throw_if_errors.h"
#include "experiments/parse/read_yaml.h"

namespace espalier {
namespace {

/// Where an installed espalier keeps them, or the source tree that this one was built in; "" if there is neither.
std::filesystem::path profiles_folder() {
  const std::filesystem::path bin = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  for (const char* folder : {"../share/espalier/profiles", "../../../cluster/profiles"}) {
    if (std::filesystem::is_directory(bin / folder)) return bin / folder;
  }
  return {};
}

std::vector<std::string> names_in(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  std::error_code missing;
  for (std::filesystem::directory_iterator entry(folder, missing), end; !missing && entry != end;
       entry.increment(missing)) {
    if (entry->path().extension() == ".yaml") names.push_back(entry->path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::filesystem::path find_profile(const std::string& name) {
  if (name.find('/') != std::string::npos || name.ends_with(".yaml")) return name;
  const std::filesystem::path folder = profiles_folder();
  const std::vector<std::string> names = names_in(folder);
  if (std::ranges::find(names, name) != names.end()) return folder / (name + ".yaml");
  throw Error(ErrorKind::invalid_input,
              "--profile: " + unknown_name(name, names) + "; a file of your own is named by its path");
}

}  // namespace

PoolProfile load_pool_profile(const std::string& name_or_file) {
  const std::filesystem::path file = find_profile(name_or_file);
  ParsedPoolProfile parsed =
      parse_pool_profile(read_file(file, kLargestSweepFile, Readable::pipe_too), file.lexically_normal().string());
  throw_if_errors("the profile", parsed.diagnostics);
  return std::move(parsed.profile);
}

}  // namespace espalier
