#pragma once

#include <compare>
#include <cstddef>
#include <filesystem>
#include <string>

#include "experiments/stages/stage.h"

namespace espalier {

/// What may travel between the coordinator's folders and a machine that does not share them.
enum class FileKind {
  artifact,    ///< what a stage left
  resume,      ///< the training state that it left beside it
  checkpoint,  ///< where a training under way would go on
  dataset,     ///< a file of a dataset, or the listing of its files (experiments/datasets/dataset_listing.h)
  model        ///< a TorchScript module
};

/// Names one file. Equal names are equal bytes, checkpoints excepted: those get further.
struct FileName {
  FileKind kind = FileKind::artifact;
  /// artifact, resume, checkpoint: the stage's key in hex. model: its content (ScriptModel::content). dataset:
  /// dataset_id(), which is the name of its listing, or dataset_id() / a file's name within it.
  std::string name;
  auto operator<=>(const FileName&) const = default;
};

FileName file_of_stage(FileKind kind, const StageKey& stage);
/// The hash of DatasetSpec::content, in hex: a name that can be a folder's.
std::string dataset_id(const std::string& content);
FileName dataset_listing(const std::string& content);
FileName dataset_file(const std::string& content, const std::string& name);

/// "artifact 3f0c12ab4567", for people.
std::string to_string(const FileName& file);

/// Whether it can be part of a path below a folder: 1 to 8 components of plain names, none of them "." or "..", at most
/// 255 bytes each, no control characters and no backslash. What others say is never part of a path before this was
/// asked.
bool is_plain_path(const std::string& path);

/// Errors: ErrorKind::corrupt unless the name is of the form that its kind has.
void check_file_name(const FileName& file);

/// Where a folder that holds such files has it: as a store has (StorePaths), and datasets/ and models/ beside. A
/// checkpoint's place is one of its own, so that one that comes never takes the place of one that was written here.
std::filesystem::path place_of(const std::filesystem::path& folder, const FileName& file);

}  // namespace espalier
