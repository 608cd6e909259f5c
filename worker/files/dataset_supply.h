#pragma once

#include <string>

#include "experiments/datasets/dataset.h"
#include "worker/files/file_supply.h"

namespace espalier {

/// As load_dataset. Where the files are not in the data folder, or are others, the coordinator's are fetched, each
/// once, into a folder that the dataset's content names, and looked for there; anew if they were damaged since.
/// `supply` may be null. Errors: those of load_dataset, saying also why the coordinator's could not be had;
/// StoppedWaiting.
Dataset load_or_fetch_dataset(const DatasetSpec& spec, const std::string& path, const DataFolder& folder,
                              FileSupply* supply);

}  // namespace espalier
