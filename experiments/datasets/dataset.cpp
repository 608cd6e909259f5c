#include "experiments/datasets/dataset.h"

#include <cstdlib>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/suggest.h"
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

DatasetSource find_source(std::string_view name) {
  std::vector<std::string> names;
  for (const DatasetEntry& entry : kDatasets) {
    if (entry.name == name) return entry.source();
    names.emplace_back(entry.name);
  }
  throw Error(ErrorKind::invalid_input, "dataset: " + unknown_name(name, names));
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

ImageDataset load_dataset(const DatasetSpec& spec, const std::string& path, const DataFolder& folder) {
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
  for (const DatasetEntry& entry : kDatasets) {
    DatasetPresence presence = entry.source().presence(folder);
    list.push_back({std::string(entry.name), std::string(entry.about), presence.present, std::move(presence.where)});
  }
  return list;
}

}  // namespace espalier
