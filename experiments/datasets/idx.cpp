#include "base/error.h"
#include "experiments/datasets/idx_set.h"

namespace espalier {
namespace {

IdxPaths find_idx(const std::filesystem::path& folder) {
  if (folder.empty()) throw Error(ErrorKind::invalid_input, "idx: no folder is named; write dataset: {idx: DIR}");
  std::string missing;
  const auto paths = find_idx_files(folder, IdxNames::of_any_set, missing);
  if (!paths)
    throw Error(ErrorKind::invalid_input, "idx: " + (folder / missing).string() +
                                              " is missing, with and without .gz, and by the other names in use "
                                              "(train-images.idx3-ubyte, SET-test-images-idx3-ubyte, ...)");
  return *paths;
}

IdxSet read_idx(const std::filesystem::path& folder) {
  return read_idx_set(find_idx(folder));
}

DatasetSpec resolve_idx(const DatasetRequest& request, const DataFolder&) {
  return idx_spec("idx", read_idx(request.path), request);
}

Dataset load_idx(const DatasetSpec& spec, const std::string& path, const DataFolder&) {
  return idx_examples(spec, read_idx(path), path);
}

DatasetPresence idx_presence(const DataFolder&) {
  std::string names;
  for (const std::string_view name : kIdxFileNames) names += (names.empty() ? "" : ", ") + std::string(name) + "[.gz]";
  return {false, "put " + names + " into a folder and write dataset: {idx: DIR}"};
}

DatasetFiles idx_files(const std::string& path, const DataFolder&) {
  return named_within(path, find_idx(path));
}

}  // namespace

DatasetSource dataset_idx() {
  return {resolve_idx, load_idx, idx_presence, idx_files};
}

}  // namespace espalier
