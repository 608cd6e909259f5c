#include "experiments/datasets/dataset.h"

#include <cstdlib>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/suggest.h"
#include "experiments/datasets/dataset_download.h"
#include "experiments/datasets/source.h"

namespace espalier {

#define ESPALIER_DATASET(suffix, ...) DatasetSource dataset_##suffix();
#include "experiments/catalog/datasets.def"
#undef ESPALIER_DATASET

namespace {

struct DatasetEntry {
  std::string_view name;
  std::string_view about;
  DatasetSource (*source)();
};

constexpr DatasetEntry kDatasets[] = {
#define ESPALIER_DATASET(suffix, name, about, ...) {name, about, dataset_##suffix},
#include "experiments/catalog/datasets.def"
#undef ESPALIER_DATASET
};

const DatasetEntry& find_entry(std::string_view name) {
  std::vector<std::string> names;
  for (const DatasetEntry& entry : kDatasets) {
    if (entry.name == name) return entry;
    names.emplace_back(entry.name);
  }
  throw Error(ErrorKind::invalid_input, "dataset: " + unknown_name(name, names));
}

DatasetSource find_source(std::string_view name) {
  return find_entry(name).source();
}

DatasetStatus status_of(const DatasetEntry& entry, const DataFolder& folder) {
  DatasetPresence presence = entry.source().presence(folder);
  return {std::string(entry.name), std::string(entry.about), presence.present, std::move(presence.where)};
}

}  // namespace

DataFolder data_folder(const std::string& option) {
  if (!option.empty()) return option;
  const char* variable = std::getenv("ESPALIER_DATA");
  return variable != nullptr && *variable != '\0' ? variable : "data";
}

DatasetSpec resolve_dataset(const DatasetRequest& request, const DataFolder& folder) {
  return find_source(request.name).resolve(request, folder);
}

Dataset load_dataset(const DatasetSpec& spec, const std::string& path, const DataFolder& folder) {
  return find_source(spec.name).load(spec, path, folder);
}

DatasetFiles dataset_files(const std::string& name, const std::string& path, const DataFolder& folder) {
  const DatasetSource source = find_source(name);
  return source.files == nullptr ? DatasetFiles{} : source.files(path, folder);
}

std::string given_path(const std::filesystem::path& folder, const std::vector<std::string>& names) {
  return names.size() == 1 ? (folder / names.front()).string() : folder.string();
}

std::vector<DatasetStatus> list_datasets(const DataFolder& folder) {
  std::vector<DatasetStatus> list;
  for (const DatasetEntry& entry : kDatasets) list.push_back(status_of(entry, folder));
  return list;
}

DatasetStatus dataset_status(const std::string& name, const DataFolder& folder) {
  return status_of(find_entry(name), folder);
}

std::string published_datasets() {
  std::string names;
  for (const DatasetEntry& entry : kDatasets) {
    if (entry.source().download != nullptr) names += (names.empty() ? "" : ", ") + std::string(entry.name);
  }
  return names;
}

DatasetDownload dataset_download(std::string_view name) {
  const DatasetSource source = find_source(name);
  if (source.download != nullptr) return source.download();
  throw Error(ErrorKind::invalid_input,
              "dataset: " + std::string(name) + " is " +
                  (source.files == nullptr ? "generated" : "made of files of your own") +
                  ": there is nothing to fetch; what can be fetched: " + published_datasets());
}

}  // namespace espalier
