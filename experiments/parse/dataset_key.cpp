#include "experiments/parse/dataset_key.h"

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

std::optional<std::string> read_source(MapReader& map, const YamlValue& value, DatasetRequest& request,
                                       Problems& problems) {
  const YamlValue* name = map.find("name");
  const YamlValue* path = nullptr;
  const char* form = nullptr;
  int found = name != nullptr ? 1 : 0;
  for (const char* word : {"idx", "tensors"}) {
    const YamlValue* here = map.find(word);
    if (here == nullptr) continue;
    path = here;
    form = word;
    ++found;
  }
  if (found != 1) {
    problems.add(
        value.place,
        "expected one of `name`, as in {name: glyphs}, `idx`, as in {idx: path/to/folder}, and `tensors`, as in "
        "{tensors: path/to/file.safetensors}");
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
    if (seed != nullptr && name && *name != "glyphs") {
      problems.add(seed->place, "is for glyphs, which are generated; " + *name + " is read from files");
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
  if (request.name == "idx" && request.path.empty()) {
    problems.add(value.place, "idx needs its folder: {idx: path/to/folder}");
    return std::nullopt;
  }
  if (request.name == "tensors" && request.path.empty()) {
    problems.add(value.place, "tensors needs its file: {tensors: path/to/file.safetensors}");
    return std::nullopt;
  }
  return request;
}

std::string dataset_label(const DatasetRequest& request) {
  return request.path.empty() ? request.name : request.name + ":" + request.path;
}

}  // namespace espalier
