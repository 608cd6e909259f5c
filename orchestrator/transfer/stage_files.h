#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "cluster/files/piece_reader.h"
#include "cluster/protocol/file_name.h"
#include "cluster/protocol/protocol.h"
#include "experiments/datasets/dataset.h"
#include "experiments/datasets/dataset_listing.h"
#include "experiments/graph/stage_graph.h"
#include "experiments/paths/store_paths.h"

namespace espalier {

/// The files that stages name, for pools that cannot read them: a stage's artifacts, and the datasets and modules that
/// it reads. Serves nothing else. One thread at a time.
class StageFiles {
 public:
  StageFiles(StorePaths paths, std::vector<DataFolder> data) : paths_(std::move(paths)), data_(std::move(data)) {}
  /// Another folder in which datasets may lie.
  void add_data(const DataFolder& folder);

  /// The requested piece of a file that `stage` names, or why there is none. Never throws.
  Message answer(const FetchFile& request, const Stage& stage);

 private:
  struct Listed {
    std::string text;
    std::map<std::string, std::filesystem::path> files;  ///< by name
  };
  std::vector<DatasetFile> find_files(const DatasetSpec& dataset, const std::string& path) const;
  std::filesystem::path locate(const FileName& file, const Stage& stage);
  const Listed& list(const FileName& file, const Stage& stage);

  const StorePaths paths_;
  std::vector<DataFolder> data_;
  std::map<std::string, Listed> listed_;  ///< by dataset_id
  PieceReader reader_;
};

}  // namespace espalier
