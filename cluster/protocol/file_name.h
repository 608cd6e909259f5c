#pragma once

#include <compare>
#include <cstddef>
#include <filesystem>
#include <string>

#include "experiments/stages/stage.h"

namespace espalier {

/// Kinds of files exchanged between the coordinator's folders and a machine that does not share them.
enum class FileKind {
  artifact,    ///< a stage's output
  resume,      ///< the training state of the artifact
  checkpoint,  ///< of an unfinished training
  dataset,     ///< a file of a dataset, or the listing of its files (experiments/datasets/dataset_listing.h)
  model        ///< a TorchScript module
};

/// Names one file. Equal names mean equal bytes, except for checkpoints, which are replaced by later ones.
struct FileName {
  FileKind kind = FileKind::artifact;
  /// artifact, resume, checkpoint: the stage's key in hex. model: its content (ModelFile::content). dataset:
  /// dataset_id(), which is the name of its listing, or dataset_id() / a file's name within it.
  std::string name;
  auto operator<=>(const FileName&) const = default;
};

FileName file_of_stage(FileKind kind, const StageKey& stage);
/// The hash of DatasetSpec::content, in hex: usable as a folder's name.
std::string dataset_id(const std::string& content);
FileName dataset_listing(const std::string& content);
FileName dataset_file(const std::string& content, const std::string& name);

/// "artifact 3f0c12ab4567", for people.
std::string to_string(const FileName& file);

/// Whether it can be part of a path below a folder: 1 to 8 components of plain names, none of them "." or "..", at most
/// 255 bytes each, no control characters and no backslash. Check every name from a peer with it before it becomes part
/// of a path.
bool is_plain_path(const std::string& path);

/// Errors: ErrorKind::corrupt unless the name is of the form that its kind has.
void check_file_name(const FileName& file);

/// The file's path in a folder of such files: as in a store (StorePaths), with datasets/ and models/ beside.
/// Checkpoints have a separate path, so that a received one never replaces one that was written here.
std::filesystem::path place_of(const std::filesystem::path& folder, const FileName& file);

}  // namespace espalier
