#include "experiments/paths/store_around.h"

#include <algorithm>
#include <string>
#include <system_error>

#include "base/error.h"
#include "experiments/paths/store_paths.h"

namespace espalier {
namespace {

namespace fs = std::filesystem;

constexpr int kMostLinks = 40;

bool holds_store(const fs::path& folder) {
  const StorePaths store{folder};
  std::error_code error;
  return fs::exists(store.database(), error) &&
         (fs::exists(store.lock(), error) || fs::exists(store.artifacts(), error));
}

bool is_below(const fs::path& path, const fs::path& folder) {
  return std::ranges::mismatch(folder, path).in1 == folder.end();
}

}  // namespace

fs::path follow_links(const fs::path& named) {
  fs::path path = named;
  for (int links = 0; links < kMostLinks; ++links) {
    std::error_code none;
    const fs::path to = fs::read_symlink(path, none);
    if (none) return path;
    path = path.parent_path() / to;  // `to`, if that begins at the root
  }
  throw Error(ErrorKind::invalid_input, named.string() + ": its symbolic links lead in a circle");
}

fs::path plain_path(const fs::path& named) {
  std::error_code unknown;
  fs::path path = fs::weakly_canonical(fs::absolute(follow_links(named), unknown), unknown);
  return unknown ? named : path;
}

fs::path store_around(const fs::path& path, const fs::path& own) {
  if (const fs::path root = own.empty() ? own : plain_path(own); !own.empty() && is_below(path, root)) return root;
  for (fs::path folder = path.parent_path();; folder = folder.parent_path()) {
    if (holds_store(folder)) return folder;
    if (folder == folder.parent_path()) return {};
  }
}

}  // namespace espalier
