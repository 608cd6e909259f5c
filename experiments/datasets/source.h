#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "experiments/datasets/dataset.h"
#include "experiments/datasets/dataset_download.h"

namespace espalier {

/// Whether a dataset could be used now, and why not. The text becomes DatasetStatus::where.
struct DatasetPresence {
  bool present = false;
  std::string where;
};

/// What a dataset is to the rest of the program. A file of this folder defines `DatasetSource dataset_<suffix>()` and
/// catalog/datasets.def names it. The contracts are those of experiments/datasets/dataset.h.
struct DatasetSource {
  DatasetSpec (*resolve)(const DatasetRequest& request, const DataFolder& folder);
  Dataset (*load)(const DatasetSpec& spec, const std::string& path, const DataFolder& folder);
  DatasetPresence (*presence)(const DataFolder& folder);
  DatasetFiles (*files)(const std::string& path, const DataFolder& folder) = nullptr;  ///< null: it has none
  DatasetDownload (*download)() = nullptr;                                             ///< null: unpublished
};

/// What a source has to split: the examples it holds at most, those used unless a sweep says otherwise, and the
/// validation examples held out of the latter: one in `validation_share`, rounded to the nearest.
struct Supply {
  std::int64_t most_train = 0, most_test = 0;
  std::int64_t default_train = 0, default_test = 0;
  std::int64_t validation_share = 0;
};

/// Fills train, validation and test of `spec` from the request.
/// Errors: ErrorKind::invalid_input, naming the count, for what the supply cannot give.
void choose_split(DatasetSpec& spec, const DatasetRequest& request, const Supply& supply);

/// Whether at most one of the sides is above 1, so that a row of numbers could have this shape.
bool is_line(const std::array<std::int64_t, 3>& shape);

/// Adds to the remarks of `spec`, whose split is chosen, what makes labels measure little: classes without training
/// examples, labels that do not occur, examples sorted by class. `train` and `test` are the labels of all examples.
/// Errors: ErrorKind::invalid_input, beginning with `where`, if all examples to train on are of one class.
void judge_labels(DatasetSpec& spec, const std::vector<std::int64_t>& train, const std::vector<std::int64_t>& test,
                  const std::string& where);

/// The first train + validation of the training examples, the last of these for validation, and the first of the test
/// examples. The arguments hold at least as many as `spec` asks for.
Dataset split_examples(const DatasetSpec& spec, Examples train, Examples test);

}  // namespace espalier
