#include "worker/files/dataset_supply.h"

#include <vector>

#include "base/error.h"
#include "base/files.h"
#include "experiments/datasets/dataset_listing.h"
#include "worker/files/damaged_copy.h"

namespace espalier {
namespace {

[[noreturn]] void fail(const Error& here, const std::string& elsewhere) {
  throw Error(here.kind(), std::string(here.what()) + "; the coordinator's could not be fetched: " + elsewhere);
}

/// Fetches all of its files, and returns their names. Errors: ErrorKind::unavailable; StoppedWaiting.
std::vector<std::string> fetch_files(const std::string& content, FileSupply& supply) {
  const FileName listing = dataset_listing(content);
  const auto bring = [&](const FileName& file) {
    const std::string why = supply.bring(file);
    if (!why.empty()) throw Error(ErrorKind::unavailable, why);
  };
  bring(listing);
  std::vector<std::string> names = parse_dataset_listing(read_file(supply.place(listing), kLongestDatasetListing));
  for (const std::string& name : names) {
    if (!is_plain_path(name)) throw Error(ErrorKind::corrupt, "its list of files names \"" + name + "\"");
    bring(dataset_file(content, name));
  }
  for (const std::string& name : names) {
    std::error_code ignored;
    if (std::filesystem::exists(supply.place(dataset_file(content, name)), ignored)) continue;
    throw Error(ErrorKind::unavailable, name + " was gone before the last file had come: the data set does not fit " +
                                            "into what --cache-gb allows");
  }
  return names;
}

std::vector<std::string> fetch_files(const std::string& content, FileSupply& supply, const Error& here) {
  try {
    return fetch_files(content, supply);
  } catch (const Error& elsewhere) {
    // The files may have other names there by now (such as gzipped ones): do not request the old names again.
    std::error_code ignored;
    std::filesystem::remove(supply.place(dataset_listing(content)), ignored);
    fail(here, elsewhere.what());
  }
}

Dataset load_copy(const DatasetSpec& spec, const std::string& path, const std::vector<std::string>& names,
                  const FileSupply& supply) {
  const std::filesystem::path copy =
      supply.place(dataset_listing(spec.content)).parent_path() / dataset_id(spec.content);
  return load_dataset(spec, path.empty() ? "" : given_path(copy, names), copy);
}

/// Other files may do.
bool is_of_the_files(const Error& error) {
  return error.kind() == ErrorKind::invalid_input || error.kind() == ErrorKind::corrupt;
}

}  // namespace

Dataset load_or_fetch_dataset(const DatasetSpec& spec, const std::string& path, const DataFolder& folder,
                              FileSupply* supply) {
  try {
    return load_dataset(spec, path, folder);
  } catch (const Error& here) {
    if (supply == nullptr || !is_of_the_files(here)) throw;
    const auto began = std::filesystem::file_time_type::clock::now();
    const std::vector<std::string> names = fetch_files(spec.content, *supply, here);
    try {
      return load_copy(spec, path, names, *supply);
    } catch (const Error& damaged) {
      if (!is_of_the_files(damaged)) throw;
      discard_copy(*supply, dataset_listing(spec.content), began);
      for (const std::string& name : names) discard_copy(*supply, dataset_file(spec.content, name), began);
    }
    return load_copy(spec, path, fetch_files(spec.content, *supply, here), *supply);
  }
}

}  // namespace espalier
