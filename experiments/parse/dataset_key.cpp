#include "experiments/parse/dataset_key.h"

#include <string>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "experiments/catalog/catalog.h"
#include "experiments/parse/map_reader.h"
#include "experiments/parse/scalars.h"

namespace espalier {
namespace {

constexpr std::int64_t kMostExamples = 100'000'000;

void read_count(MapReader& map, const char* key, std::int64_t least, std::int64_t& slot, Problems& problems) {
  const YamlValue* value = map.find(key);
  if (value != nullptr) slot = parse_count(*value, least, kMostExamples, problems).value_or(-1);
}

constexpr DatasetProperty kDatasetsByPath = DatasetProperty::in_folder | DatasetProperty::in_file;

/// {idx: path/to/folder}
std::string dataset_example(const std::string& dataset) {
  return "{" + dataset + ": path/to/" + (has(dataset, DatasetProperty::in_folder) ? "folder" : "file.safetensors") +
         "}";
}

std::optional<std::string> read_source(MapReader& map, const YamlValue& value, DatasetRequest& request,
                                       Problems& problems) {
  const YamlValue* name = map.find("name");
  const YamlValue* path = nullptr;
  std::optional<std::string> form;
  int found = name != nullptr ? 1 : 0;
  for (const std::string& word : names_with(list_dataset_names(), kDatasetsByPath)) {
    const YamlValue* here = map.find(word);
    if (here == nullptr) continue;
    path = here;
    form = word;
    ++found;
  }
  if (found != 1) {
    std::string forms = "`name`, as in {name: " + name_with(list_dataset_names(), DatasetProperty::generated) + "}";
    const std::vector<std::string> by_path = names_with(list_dataset_names(), kDatasetsByPath);
    for (const std::string& word : by_path)
      forms += (&word == &by_path.back() ? ", and `" : ", `") + word + "`, as in " + dataset_example(word);
    problems.add(value.place, "expected one of " + forms);
    return std::nullopt;
  }
  if (name != nullptr) return parse_name(*name, catalog_names(list_dataset_names()), problems);
  request.path = parse_text(*path, problems).value_or("");
  return form;
}

}  // namespace

std::optional<DatasetRequest> parse_dataset(const YamlValue& value, Problems& problems) {
  DatasetRequest request;
  std::optional<std::string> name;
  if (value.kind == YamlValue::Kind::map) {
    MapReader map(value, problems);
    name = read_source(map, value, request, problems);
    read_count(map, "train", 1, request.train, problems);
    read_count(map, "test", 1, request.test, problems);
    read_count(map, "validation", 0, request.validation, problems);
    const YamlValue* seed = map.find("seed");
    if (seed != nullptr && name && !has(*name, DatasetProperty::generated)) {
      problems.add(seed->place,
                   fmt::format("is for {}, which are generated; {} is read from files",
                               fmt::join(names_with(list_dataset_names(), DatasetProperty::generated), ", "), *name));
    } else if (seed != nullptr) {
      const auto number = parse_count(*seed, 0, INT64_MAX, problems);
      request.generator_seed = static_cast<std::uint64_t>(number.value_or(0));
    }
    map.finish();
  } else {
    name = parse_name(value, catalog_names(list_dataset_names()), problems);
  }
  if (!name) return std::nullopt;
  request.name = *name;
  if (has(request.name, kDatasetsByPath) && request.path.empty()) {
    const std::string what = has(request.name, DatasetProperty::in_folder) ? "folder" : "file";
    problems.add(value.place, request.name + " needs its " + what + ": " + dataset_example(request.name));
    return std::nullopt;
  }
  return request;
}

std::string dataset_label(const DatasetRequest& request) {
  return request.path.empty() ? request.name : request.name + ":" + request.path;
}

}  // namespace espalier
