// Copied by the names that are listed, a dataset's files are the dataset again.
#include <gmock/gmock.h>

#include "base/error.h"
#include "experiments/datasets/dataset.h"
#include "experiments/datasets/dataset_listing.h"
#include "tests/experiments/datasets/idx_bytes.h"

namespace espalier {
namespace {

using testing::ElementsAre;

class FilesOfADataset : public IdxFolder {
 protected:
  std::vector<std::string> names(const DatasetFiles& files) {
    std::vector<std::string> names;
    for (const DatasetFile& file : files) {
      EXPECT_TRUE(std::filesystem::exists(file.path)) << file.path;
      names.push_back(file.name);
    }
    return names;
  }
  void copy(const DatasetFiles& files) {
    for (const DatasetFile& file : files) {
      std::filesystem::create_directories((folder_ / "copy" / file.name).parent_path());
      std::filesystem::copy_file(file.path, folder_ / "copy" / file.name);
    }
  }
};

TEST_F(FilesOfADataset, OfAFolderThatWasNamed) {
  write("train-images-idx3-ubyte", idx_images(24, 5));
  write("train-labels-idx1-ubyte", idx_labels(24, 3));
  write("t10k-images-idx3-ubyte", idx_images(6, 5));
  write_gzip(folder_ / "t10k-labels-idx1-ubyte.gz", idx_labels(6, 3));
  write("other", "x");
  DatasetRequest request;
  request.name = "idx";
  request.path = folder_.string() + "/";
  const DatasetFiles files = dataset_files("idx", request.path, {});
  EXPECT_THAT(names(files), ElementsAre("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte",
                                        "t10k-labels-idx1-ubyte.gz"));
  copy(files);
  const DatasetSpec spec = resolve_dataset(request, {});
  EXPECT_EQ(load_dataset(spec, given_path(folder_ / "copy", names(files)), {}).train.count, spec.train);
}

TEST_F(FilesOfADataset, OfAFileThatWasNamed) {
  write("mine.safetensors", "x");
  const DatasetFiles files = dataset_files("tensors", (folder_ / "mine.safetensors").string(), {});
  EXPECT_THAT(names(files), ElementsAre("mine.safetensors"));
  EXPECT_EQ(given_path("copy", names(files)), "copy/mine.safetensors");
}

TEST_F(FilesOfADataset, OfTheDataFolderKeepTheirPlaceInIt) {
  std::filesystem::create_directories(folder_ / "MNIST" / "raw");
  for (const char* name : {"train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz", "t10k-images-idx3-ubyte.gz",
                           "t10k-labels-idx1-ubyte.gz"}) {
    write(std::string("MNIST/raw/") + name, "x");
  }
  EXPECT_EQ(names(dataset_files("mnist", "", folder_)).front(), "MNIST/raw/train-images-idx3-ubyte.gz");
  EXPECT_THROW(dataset_files("fashion_mnist", "", folder_), Error);
  EXPECT_TRUE(dataset_files("glyphs", "", folder_).empty());
}

TEST(DatasetListings, SurviveTheWayAndDamageIsRefused) {
  const std::vector<std::string> names{"a", "b/c d.gz"};
  EXPECT_EQ(parse_dataset_listing(dataset_listing_text(names)), names);
  for (const char* bad : {"", "{}", "[]", "[1]", "[\"a\"", "[\"a\", null]"}) {
    EXPECT_THROW(parse_dataset_listing(bad), Error) << bad;
  }
}

}  // namespace
}  // namespace espalier
