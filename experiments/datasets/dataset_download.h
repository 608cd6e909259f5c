#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/datasets/dataset.h"

namespace espalier {

/// One of the files that a dataset is published as.
struct DownloadFile {
  std::string name;         ///< a mirror's address and this are its URL
  std::uint64_t bytes = 0;  ///< as it is published, compressed
  std::string sha256;       ///< of those bytes; 64 hexadecimal digits
};

/// A file in a tar archive that a dataset is published as.
struct ArchiveMember {
  std::string path;  ///< as the archive has it; the last part is the file's name once it is unpacked
  std::uint64_t bytes = 0;
};

/// How a dataset is published, and where in the data folder it is found.
struct DatasetDownload {
  std::string folder;                  ///< relative to the data folder
  std::vector<std::string> mirrors;    ///< `https://HOST/PATH/`, in the order in which they are tried
  std::vector<DownloadFile> files;     ///< all of them make the dataset
  std::vector<ArchiveMember> members;  ///< where the one file is a .tar.gz: what of it goes into the folder; else none
};

/// Errors: ErrorKind::invalid_input for a name that is no dataset's, and for an unpublished dataset: one that
/// is generated, or a user's own.
DatasetDownload dataset_download(std::string_view name);

/// Those that have one: `mnist, fashion_mnist, cifar10`.
std::string published_datasets();

/// `espalier datasets fetch mnist`, with `--data` if it is not the default folder.
std::string fetch_command(std::string_view name, const DataFolder& data);

/// How to do it without us: `download A, B from https://HOST/PATH/ into DATA/mnist`.
std::string download_by_hand(const DatasetDownload& download, const DataFolder& data);

}  // namespace espalier
