#include "experiments/datasets/idx_set.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "base/error.h"
#include "experiments/datasets/idx_file.h"

namespace espalier {
namespace {

std::string size_text(const IdxFile& images) {
  return std::to_string(images.rows) + "x" + std::to_string(images.columns);
}

Examples join(IdxFile&& images, const IdxFile& labels, const std::filesystem::path& images_path,
              const std::filesystem::path& labels_path) {
  if (images.count != labels.count) {
    throw Error(ErrorKind::invalid_input, labels_path.string() + ": holds " + std::to_string(labels.count) +
                                              " labels, but " + images_path.string() + " holds " +
                                              std::to_string(images.count) + " images; the two do not belong together");
  }
  return {images.count, std::move(images.values), {labels.values.begin(), labels.values.end()}};
}

/// What the name of a file says: which of the four it is, and of which set ("" of MNIST's names).
struct IdxName {
  std::string set;
  std::size_t which = 0;
  bool plain = false;  ///< as MNIST spells it
  bool zipped = false;
};

bool take_end(std::string_view& text, std::string_view end) {
  if (!text.ends_with(end)) return false;
  text.remove_suffix(end.size());
  return true;
}

std::optional<IdxName> read_idx_name(std::string_view file) {
  IdxName name;
  name.zipped = take_end(file, ".gz");
  name.plain = std::ranges::find(kIdxFileNames, file) != kIdxFileNames.end();
  std::string spelled(file);
  for (char& c : spelled) c = c == '.' || c == '_' ? '-' : c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  std::string_view rest = spelled;
  take_end(rest, "-ubyte");
  const bool images = take_end(rest, "-images-idx3");
  if (!images && !take_end(rest, "-labels-idx1")) return std::nullopt;
  const bool train = take_end(rest, "train");
  if (!train && !take_end(rest, "t10k") && !take_end(rest, "test")) return std::nullopt;
  if (!rest.empty() && !take_end(rest, "-")) return std::nullopt;
  name.set = rest;
  name.which = (train ? 0 : 2) + (images ? 0 : 1);
  return name;
}

[[noreturn]] void refuse_folder(const std::filesystem::path& folder, const std::string& what) {
  throw Error(ErrorKind::invalid_input, folder.string() + ": " + what);
}

/// One of the files that could be had, by how good its name is.
struct FoundIdxFile {
  std::filesystem::path path;
  int rank = 0;
};
using FoundIdxFiles = std::array<std::optional<FoundIdxFile>, 4>;

std::map<std::string, FoundIdxFiles> list_idx_files(const std::filesystem::path& folder) {
  std::map<std::string, FoundIdxFiles> sets;
  std::error_code error;
  std::filesystem::directory_iterator entry(folder, error);
  if (error == std::errc::permission_denied) refuse_folder(folder, "cannot be read: " + error.message());
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    const auto name = read_idx_name(entry->path().filename().string());
    if (!name) continue;
    std::optional<FoundIdxFile>& slot = sets[name->set][name->which];
    const int rank = (name->plain ? 0 : 2) + (name->zipped ? 1 : 0);
    const bool better = !slot || std::pair(rank, entry->path()) < std::pair(slot->rank, slot->path);
    if (better) slot = {entry->path(), rank};
  }
  return sets;
}

bool is_whole(const FoundIdxFiles& files) {
  return std::ranges::all_of(files, [](const auto& file) { return file.has_value(); });
}

IdxPaths paths_of(const FoundIdxFiles& files) {
  IdxPaths paths;
  std::ranges::transform(files, paths.begin(), [](const auto& file) { return file->path; });
  return paths;
}

/// A raw file hides the gzipped one beside it, also if it is the worse of the two.
template <typename Read>
IdxFile read_or_explain(const Read& read, const std::filesystem::path& path) {
  try {
    return read(path);
  } catch (const Error& error) {
    std::filesystem::path zipped = path;
    zipped += ".gz";
    std::error_code ignored;
    if (path.extension() == ".gz" || !std::filesystem::exists(zipped, ignored)) throw;
    throw Error(error.kind(), std::string(error.what()) + " (or remove it: " + zipped.filename().string() +
                                  " beside it is read where it is not there)");
  }
}

}  // namespace

std::optional<IdxPaths> find_idx_files(const std::filesystem::path& folder, IdxNames names, std::string& missing) {
  std::map<std::string, FoundIdxFiles> sets = list_idx_files(folder);
  if (is_whole(sets[""])) return paths_of(sets[""]);
  std::vector<std::string> whole;
  for (const auto& [set, files] : sets) {
    if (names == IdxNames::of_any_set && is_whole(files)) whole.push_back(set);
  }
  if (whole.size() == 1) return paths_of(sets[whole[0]]);
  if (whole.size() > 1)
    refuse_folder(folder, "holds the files of " + whole[0] + " and of " + whole[1] + "; put one set into a folder");
  const FoundIdxFiles& files = sets[""];
  const auto gap = std::ranges::find_if(files, [](const auto& file) { return !file; });
  missing = kIdxFileNames[static_cast<std::size_t>(gap - files.begin())];
  return std::nullopt;
}

DatasetFiles named_within(const std::filesystem::path& root, const IdxPaths& paths) {
  DatasetFiles files;
  for (const std::filesystem::path& path : paths)
    files.push_back({path.lexically_relative(root).generic_string(), path});
  return files;
}

IdxSet read_idx_set(const IdxPaths& paths) {
  IdxFile train_images = read_or_explain(read_idx_images, paths[0]);
  IdxFile train_labels = read_or_explain(read_idx_labels, paths[1]);
  IdxFile test_images = read_or_explain(read_idx_images, paths[2]);
  IdxFile test_labels = read_or_explain(read_idx_labels, paths[3]);
  if (train_images.rows != test_images.rows || train_images.columns != test_images.columns) {
    throw Error(ErrorKind::invalid_input, paths[2].string() + ": images of " + size_text(test_images) +
                                              " pixels, but " + paths[0].string() + " holds images of " +
                                              size_text(train_images));
  }
  IdxSet set;
  set.shape = {1, train_images.rows, train_images.columns};
  set.digests = {train_images.sha256, train_labels.sha256, test_images.sha256, test_labels.sha256};
  set.classes = 1 + std::max(std::ranges::max(train_labels.values), std::ranges::max(test_labels.values));
  std::string digests;
  for (const Digest& digest : set.digests) digests += to_hex(digest);
  set.content = "idx:" + to_hex(sha256(digests));
  set.train = join(std::move(train_images), std::move(train_labels), paths[0], paths[1]);
  set.test = join(std::move(test_images), std::move(test_labels), paths[2], paths[3]);
  return set;
}

DatasetSpec idx_spec(const std::string& name, const IdxSet& set, const DatasetRequest& request) {
  constexpr std::int64_t kValidationShare = 12;
  DatasetSpec spec;
  spec.name = name;
  spec.content = set.content;
  spec.shape = set.shape;
  spec.classes = set.classes;
  choose_split(spec, request, {set.train.count, set.test.count, set.train.count, set.test.count, kValidationShare});
  spec.keeps_shape = is_line(spec.shape);
  judge_labels(spec, set.train.labels, set.test.labels, name);
  return spec;
}

Dataset idx_examples(const DatasetSpec& spec, IdxSet set, const std::filesystem::path& folder) {
  const bool enough = spec.train + spec.validation <= set.train.count && spec.test <= set.test.count;
  if (set.content != spec.content || set.shape != spec.shape || !enough) {
    throw Error(ErrorKind::corrupt, folder.string() + ": the files are not those that the sweep was made with (" +
                                        set.content + ", expected " + spec.content +
                                        "); put those back, or start the sweep again");
  }
  return split_examples(spec, std::move(set.train), std::move(set.test));
}

}  // namespace espalier
