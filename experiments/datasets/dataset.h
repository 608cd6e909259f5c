#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "experiments/stages/stage_spec.h"

namespace espalier {

/// What a sweep asks for: `mnist`, `{idx: DIR}`, `{tensors: FILE}` or `{name: glyphs, train: 20000}`.
struct DatasetRequest {
  std::string name;  ///< a name of catalog/datasets.def
  std::string path;  ///< idx: the folder; tensors: the file
  std::int64_t train =
      -1;  ///< examples in the training files or generated, validation included; -1: the dataset's default
  std::int64_t test = -1;
  std::int64_t validation = -1;      ///< -1: the dataset's default
  std::uint64_t generator_seed = 0;  ///< glyphs
};

/// One split in memory, example after example, each of the dataset's shape (DatasetSpec::shape) in row-major order, and
/// one label each. Of pixels, values and tokens one is filled, by the dataset's kind.
struct Examples {
  std::int64_t count = 0;
  std::vector<std::uint8_t> pixels;  ///< of images, 0 .. 255
  std::vector<std::int64_t> labels;  ///< classes
  std::vector<float> values{};       ///< numbers that a network sees as they are, all finite
  std::vector<std::int32_t> tokens{};
};

/// What a network sees of a pixel p of channel c: (p / 255 - mean[c]) / deviation[c], in float32 and in this order.
/// Empty lists: p / 255.
struct PixelScale {
  std::vector<float> mean;
  std::vector<float> deviation;
};

struct Dataset {
  Examples train;       ///< without the validation examples
  Examples validation;  ///< the last examples of the training files
  Examples test;
  PixelScale scale{};  ///< of datasets of pixels; fixed by what DatasetSpec::content names
};

/// The folder of named datasets' files: `--data`, else $ESPALIER_DATA, else ./data.
using DataFolder = std::filesystem::path;
/// `option` if it is not empty, else $ESPALIER_DATA, else ./data.
DataFolder data_folder(const std::string& option);

/// Sizes, shape, classes and content hash of the request. Reads (and verifies) files but keeps nothing; so that
/// a missing, truncated, corrupt or foreign file is found before any work. Errors: ErrorKind::invalid_input with the
/// file, what is wrong, and where to get it.
DatasetSpec resolve_dataset(const DatasetRequest& request, const DataFolder& folder);

/// The examples themselves; for the worker. `path` is DatasetRequest::path ("" for datasets found by name).
/// Errors: as above; ErrorKind::corrupt if the content is not the one that `spec` was resolved from.
Dataset load_dataset(const DatasetSpec& spec, const std::string& path, const DataFolder& folder);

/// A file that a dataset is read from.
struct DatasetFile {
  std::string name;  ///< relative to the data folder, or to the folder that DatasetRequest::path names or is in
  std::filesystem::path path;  ///< where it lies
};
using DatasetFiles = std::vector<DatasetFile>;

/// All of them; none of a generated dataset. Copied by their names into a folder, they are the dataset again: for
/// load_dataset, that folder is the data folder of a dataset found by name, and given_path() of one given by path.
/// Errors: ErrorKind::invalid_input if a file is missing.
DatasetFiles dataset_files(const std::string& name, const std::string& path, const DataFolder& folder);
/// What DatasetRequest::path is for such a copy: its only file, or else the folder.
std::string given_path(const std::filesystem::path& folder, const std::vector<std::string>& names);

/// For `espalier datasets`.
struct DatasetStatus {
  std::string name;
  std::string about;  ///< one sentence
  bool present = false;
  std::string where;  ///< the folder or "generated", or where to get it and what to put where
};
/// Errors: ErrorKind::invalid_input for a name that is no dataset's.
DatasetStatus dataset_status(const std::string& name, const DataFolder& folder);
std::vector<DatasetStatus> list_datasets(const DataFolder& folder);

}  // namespace espalier
