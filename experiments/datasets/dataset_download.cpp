#include "experiments/datasets/dataset_download.h"

namespace espalier {

std::string fetch_command(std::string_view name, const DataFolder& data) {
  const std::string command = "espalier datasets fetch " + std::string(name);
  return data == data_folder("") ? command : command + " --data " + data.string();
}

std::string download_by_hand(const DatasetDownload& download, const DataFolder& data) {
  std::string names;
  for (const DownloadFile& file : download.files) names += (names.empty() ? "" : ", ") + file.name;
  const std::string from = "download " + names + " from " + download.mirrors.front();
  if (download.members.empty()) return from + " into " + (data / download.folder).string();
  return from + " and unpack it in " + data.string();
}

}  // namespace espalier
