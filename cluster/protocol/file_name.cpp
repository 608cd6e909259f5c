#include "cluster/protocol/file_name.h"

#include <algorithm>
#include <string_view>

#include "base/error.h"
#include "base/sha256.h"
#include "experiments/paths/store_paths.h"

namespace espalier {
namespace {

constexpr std::size_t kHexDigits = 64;
constexpr std::size_t kLongestComponent = 255;
constexpr int kMostComponents = 8;

bool is_hex(std::string_view text) {
  return text.size() == kHexDigits && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

bool is_plain_component(std::string_view text) {
  return !text.empty() && text.size() <= kLongestComponent && text != "." && text != ".." &&
         std::ranges::none_of(text,
                              [](char c) { return c == '\\' || static_cast<unsigned char>(c) < ' ' || c == 127; });
}

std::string_view kind_text(FileKind kind) {
  switch (kind) {
    case FileKind::artifact:
      return "artifact";
    case FileKind::resume:
      return "training state";
    case FileKind::checkpoint:
      return "checkpoint";
    case FileKind::dataset:
      return "dataset file";
    case FileKind::model:
      break;
  }
  return "network file";
}

}  // namespace

FileName file_of_stage(FileKind kind, const StageKey& stage) {
  return {kind, to_hex(stage)};
}

std::string dataset_id(const std::string& content) {
  return to_hex(sha256(content));
}

FileName dataset_listing(const std::string& content) {
  return {FileKind::dataset, dataset_id(content)};
}

FileName dataset_file(const std::string& content, const std::string& name) {
  return {FileKind::dataset, dataset_id(content) + "/" + name};
}

std::string to_string(const FileName& file) {
  constexpr std::size_t kEnoughDigits = 12;
  const bool shorten = file.name.size() >= kHexDigits;
  const std::string rest = shorten ? file.name.substr(kHexDigits) : "";
  return std::string(kind_text(file.kind)) + " " + file.name.substr(0, kEnoughDigits) + rest;
}

bool is_plain_path(const std::string& path) {
  std::string_view rest = path;
  for (int components = 1; components <= kMostComponents; ++components) {
    const std::size_t slash = rest.find('/');
    if (!is_plain_component(rest.substr(0, slash))) return false;
    if (slash == std::string_view::npos) return true;
    rest.remove_prefix(slash + 1);
  }
  return false;
}

void check_file_name(const FileName& file) {
  const bool in_dataset = file.kind == FileKind::dataset && file.name.size() > kHexDigits;
  const bool good = in_dataset ? is_hex(std::string_view(file.name).substr(0, kHexDigits)) &&
                                     file.name[kHexDigits] == '/' && is_plain_path(file.name.substr(kHexDigits + 1))
                               : is_hex(file.name);
  if (!good) throw Error(ErrorKind::corrupt, "a message names a file as no file is named");
}

std::filesystem::path place_of(const std::filesystem::path& folder, const FileName& file) {
  const StorePaths paths{folder};
  const std::string digits = file.name.substr(0, kHexDigits);
  switch (file.kind) {
    case FileKind::artifact:
      return paths.artifact(stage_key_from_hex(digits));
    case FileKind::resume:
      return paths.resume_state(stage_key_from_hex(digits));
    case FileKind::checkpoint:
      return folder / "checkpoints" / "brought" / (digits + ".safetensors");
    case FileKind::dataset:
      return folder / "datasets" / (file.name.size() == kHexDigits ? digits + ".json" : file.name);
    case FileKind::model:
      break;
  }
  return folder / "models" / (digits + ".pt");
}

}  // namespace espalier
