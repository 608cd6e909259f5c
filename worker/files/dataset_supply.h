#pragma once

#include <string>

#include "experiments/datasets/dataset.h"
#include "worker/files/file_supply.h"

namespace espalier {

/// As load_dataset. If the files are missing in the data folder, or differ, the coordinator's are fetched, each once,
/// into a folder named by the dataset's content, and loaded from there; fetched again if they are damaged. `supply` may
/// be null. Errors: those of load_dataset, with the reason why the coordinator's could not be fetched; StoppedWaiting.
Dataset load_or_fetch_dataset(const DatasetSpec& spec, const std::string& path, const DataFolder& folder,
                              FileSupply* supply);

}  // namespace espalier
