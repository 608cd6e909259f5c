#include <gmock/gmock.h>

#include "experiments/datasets/dataset.h"
#include "tests/experiments/datasets/idx_bytes.h"
#include "tests/needs.h"

namespace espalier {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

class Mnist : public IdxFolder {
 protected:
  DatasetSpec resolve(const DataFolder& data) const {
    DatasetRequest request;
    request.name = "mnist";
    return resolve_dataset(request, data);
  }
};

/// With the real files.
class RealMnist : public Mnist {
 protected:
  void SetUp() override {
    data_ = folder_named_by("ESPALIER_TEST_DATA", ESPALIER_TEST_DATA_DEFAULT);
    ESPALIER_NEEDS("mnist", std::filesystem::exists(data_ / "mnist"),
                   "no mnist in " << data_ << "; set ESPALIER_TEST_DATA");
    Mnist::SetUp();
  }
  void copy_to(const std::filesystem::path& folder) const {
    std::filesystem::create_directories(folder);
    std::filesystem::copy(data_ / "mnist", folder, std::filesystem::copy_options::recursive);
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      std::filesystem::permissions(entry, std::filesystem::perms::owner_write, std::filesystem::perm_options::add);
    }
  }
  DataFolder data_;
};

TEST_F(RealMnist, ResolvesAndLoads) {
  const DatasetSpec spec = resolve(data_);
  EXPECT_EQ(spec.train, 55'000);
  EXPECT_EQ(spec.validation, 5'000);
  EXPECT_EQ(spec.test, 10'000);
  EXPECT_EQ(spec.classes, 10);
  EXPECT_THAT(spec.shape, ElementsAre(1, 28, 28));
  const Dataset data = load_dataset(spec, "", data_);
  EXPECT_EQ(data.train.count, 55'000);
  EXPECT_EQ(data.train.pixels.size(), 55'000U * 784);
  EXPECT_EQ(data.validation.labels.size(), 5'000U);
  EXPECT_EQ(data.train.labels[0], 5);          // the well-known first training digit
  EXPECT_EQ(data.validation.labels[4999], 8);  // and the last
  EXPECT_EQ(data.test.labels[0], 7);
}

TEST_F(RealMnist, IsFoundInTheFolderItselfAndUnderneath) {
  const DatasetSpec spec = resolve(data_);
  EXPECT_EQ(resolve(data_ / "mnist"), spec);
  copy_to(folder_ / "MNIST" / "raw");
  EXPECT_EQ(resolve(folder_), spec);
  const std::vector<DatasetStatus> list = list_datasets(folder_);
  EXPECT_TRUE(list[0].present);
  EXPECT_EQ(list[0].where, (folder_ / "MNIST" / "raw").string());
}

TEST_F(RealMnist, AWrongLabelIsAWrongChecksum) {
  copy_to(folder_);
  std::string labels = idx_header({0x801, 10'000}) + std::string(10'000, '\3');
  std::filesystem::remove(folder_ / "t10k-labels-idx1-ubyte.gz");
  write("t10k-labels-idx1-ubyte", labels);
  EXPECT_THAT(
      error_of(ErrorKind::invalid_input, [&] { resolve(folder_); }),
      AllOf(HasSubstr((folder_ / "t10k-labels-idx1-ubyte").string()), HasSubstr("its SHA-256 (uncompressed) is "),
            HasSubstr("MNIST's is ff7bcfd416"), HasSubstr("download it again from https://")));
}

TEST_F(RealMnist, ATruncatedDownloadIsNamed) {
  copy_to(folder_);
  std::filesystem::resize_file(folder_ / "train-images-idx3-ubyte.gz", 5'000'000);
  EXPECT_THAT(error_of(ErrorKind::invalid_input, [&] { resolve(folder_); }),
              AllOf(HasSubstr("train-images-idx3-ubyte.gz"), HasSubstr("truncated")));
  EXPECT_FALSE(list_datasets(folder_)[0].present);
}

TEST_F(Mnist, MissingSaysWhatToFetchAndWhereToPutIt) {
  EXPECT_THAT(
      error_of(ErrorKind::invalid_input, [&] { resolve(folder_); }),
      AllOf(HasSubstr("mnist: not found in " + folder_.string()), HasSubstr("train-images-idx3-ubyte.gz"),
            HasSubstr("from https://"), HasSubstr("into " + (folder_ / "mnist").string()), HasSubstr("ESPALIER_DATA")));
}

TEST_F(Mnist, AnotherSetUnderItsNamesIsNotMnist) {
  write_set(12, 2, 28, 10);
  EXPECT_THAT(error_of(ErrorKind::invalid_input, [&] { resolve(folder_); }),
              HasSubstr("name your own set with dataset: {idx: " + folder_.string() + "}"));
}

}  // namespace
}  // namespace espalier
