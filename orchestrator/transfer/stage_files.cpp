#include "orchestrator/transfer/stage_files.h"

#include <algorithm>
#include <exception>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "base/error.h"
#include "experiments/datasets/dataset_listing.h"
#include "experiments/stages/stage_spec.h"

namespace espalier {
namespace {

constexpr std::size_t kIdDigits = 64;

[[noreturn]] void refuse(const FileName& file) {
  throw Error(ErrorKind::invalid_input, to_string(file) + ": the stage that it was asked for does not name it");
}

std::string text_or_empty(const std::shared_ptr<const std::string>& text) {
  return text ? *text : std::string();
}

}  // namespace

void StageFiles::add_data(const DataFolder& folder) {
  if (std::ranges::find(data_, folder) == data_.end()) data_.push_back(folder);
}

/// Of the first folder that has all of them; of the last one, for its complaint, if none has.
std::vector<DatasetFile> StageFiles::find_files(const DatasetSpec& dataset, const std::string& path) const {
  std::vector<DatasetFile> files;
  std::exception_ptr complaint;
  for (const DataFolder& folder : data_) {
    try {
      files = dataset_files(dataset.name, path, folder);
      complaint = nullptr;
    } catch (const Error&) {
      complaint = std::current_exception();
      continue;
    }
    std::error_code unreadable;  // an unreadable file counts as missing
    const bool all = std::ranges::all_of(
        files, [&](const DatasetFile& one) { return std::filesystem::exists(one.path, unreadable); });
    if (all) return files;
  }
  if (complaint) std::rethrow_exception(complaint);
  return files;
}

std::filesystem::path StageFiles::locate(const FileName& file, const Stage& stage) {
  switch (file.kind) {
    case FileKind::artifact:
    case FileKind::resume:
      if (file.name != to_hex(stage.key)) refuse(file);
      return place_of(paths_.root, file);
    case FileKind::checkpoint:
      if (file.name != to_hex(stage.key)) refuse(file);
      return paths_.checkpoint(stage.key);
    case FileKind::model: {
      const auto script = reads_of(stage.kind, *stage.spec).file;
      if (!script || script->content != file.name) refuse(file);
      return text_or_empty(stage.model_path);
    }
    case FileKind::dataset:
      break;
  }
  const Listed& listed = list(file, stage);
  const auto found = listed.files.find(file.name.substr(kIdDigits + 1));
  if (found == listed.files.end()) refuse(file);
  return found->second;
}

const StageFiles::Listed& StageFiles::list(const FileName& file, const Stage& stage) {
  const std::string id = file.name.substr(0, kIdDigits);
  const std::vector<DatasetSpec> datasets = reads_of(stage.kind, *stage.spec).datasets;
  const auto named = std::ranges::find_if(datasets, [&](const auto& spec) { return dataset_id(spec.content) == id; });
  if (named == datasets.end()) refuse(file);
  const auto known = listed_.find(id);
  if (known != listed_.end()) return known->second;
  Listed listed;
  std::vector<std::string> names;
  for (const DatasetFile& one : find_files(*named, text_or_empty(stage.dataset_path))) {
    if (!is_plain_path(one.name))
      throw Error(ErrorKind::invalid_input, one.path.string() + ": its name cannot be sent");
    listed.files.emplace(one.name, one.path);
    names.push_back(one.name);
  }
  listed.text = dataset_listing_text(names);
  return listed_[id] = std::move(listed);
}

Message StageFiles::answer(const FetchFile& request, const Stage& stage) {
  try {
    check_file_name(request.file);
    if (request.file.kind == FileKind::dataset && request.file.name.size() == kIdDigits) {
      const std::string& text = list(request.file, stage).text;
      if (request.offset != 0) refuse(request.file);
      return FilePiece{0, request.file, 0, text.size(), sha256(text), text};
    }
    return reader_.read(request.file, locate(request.file, stage), request.offset);
  } catch (const std::exception& error) {                   // such as those of the file system: only this request fails
    listed_.erase(request.file.name.substr(0, kIdDigits));  // its files may have other names by the next time
    return FileMissing{0, request.file, error.what()};
  }
}

}  // namespace espalier
