#include <cstdlib>
#include <fstream>

#include <gmock/gmock.h>

#include "experiments/datasets/dataset.h"
#include "tests/experiments/datasets/idx_bytes.h"
#include "tests/needs.h"

namespace espalier {
namespace {

using testing::AllOf;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::uintmax_t kRecord = 3073;
constexpr std::uintmax_t kFile = 10'000 * kRecord;
constexpr const char* kNames[] = {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin",
                                  "data_batch_4.bin", "data_batch_5.bin", "test_batch.bin"};

class Cifar10 : public IdxFolder {
 protected:
  /// Six files of zeros, which take no room on the disk.
  void write_zeros(const std::filesystem::path& folder) const {
    std::filesystem::create_directories(folder);
    for (const char* name : kNames) {
      std::ofstream(folder / name, std::ios::binary).flush();
      std::filesystem::resize_file(folder / name, kFile);
    }
  }
  void poke(const std::filesystem::path& path, std::uintmax_t at, int byte) const {
    std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(static_cast<std::streamoff>(at));
    file.put(static_cast<char>(byte));
  }
  DatasetSpec resolve(const DataFolder& data) const {
    DatasetRequest request;
    request.name = "cifar10";
    return resolve_dataset(request, data);
  }
  std::string refusal() const {
    return error_of(ErrorKind::invalid_input, [&] { resolve(folder_); });
  }
};

TEST_F(Cifar10, RecordsAreALabelAndThreePlanes) {
  const std::filesystem::path folder = folder_ / "cifar-10-batches-bin";
  write_zeros(folder);
  poke(folder / kNames[0], 2 * kRecord, 7);                 // the third label
  poke(folder / kNames[0], 2 * kRecord + 1 + 1024 + 5, 9);  // its green plane, row 0, column 5
  poke(folder / kNames[4], kFile - kRecord, 3);             // the last label: held out
  poke(folder / kNames[5], 0, 4);
  const DatasetSpec spec = resolve(folder_);
  EXPECT_EQ(spec.name, "cifar10");
  EXPECT_EQ(spec.train, 45'000);
  EXPECT_EQ(spec.validation, 5'000);
  EXPECT_EQ(spec.test, 10'000);
  EXPECT_EQ(spec.classes, 10);
  EXPECT_THAT(spec.shape, ElementsAre(3, 32, 32));
  EXPECT_EQ(resolve(folder), spec) << "the folder itself may be named too";
  const Dataset data = load_dataset(spec, "", folder_);
  EXPECT_EQ(data.train.pixels.size(), 45'000U * 3072);
  EXPECT_EQ(data.train.labels[2], 7);
  EXPECT_EQ(data.train.pixels[2 * 3072 + 1024 + 5], 9);
  EXPECT_EQ(data.validation.labels.back(), 3);
  EXPECT_EQ(data.test.labels.front(), 4);
  EXPECT_THAT(data.scale.mean, ElementsAre(0.4914F, 0.4822F, 0.4465F));
  EXPECT_THAT(data.scale.deviation, ElementsAre(0.2470F, 0.2435F, 0.2616F));
}

TEST_F(Cifar10, AFewTestImagesAreTakenFromTheWholeFile) {
  write_zeros(folder_);
  poke(folder_ / kNames[0], 0, 1);  // a second class
  for (const int record : {2'500, 5'000, 7'500}) {
    poke(folder_ / kNames[5], static_cast<std::uintmax_t>(record) * kRecord, record / 2'500);
    poke(folder_ / kNames[5], static_cast<std::uintmax_t>(record) * kRecord + 3072, record / 2'500 + 5);
  }
  DatasetRequest request;
  request.name = "cifar10";
  request.test = 4;
  const Dataset data = load_dataset(resolve_dataset(request, folder_), "", folder_);
  EXPECT_THAT(data.test.labels, ElementsAre(0, 1, 2, 3));
  EXPECT_EQ(data.test.pixels.size(), 4U * 3072);
  EXPECT_EQ(data.test.pixels.back(), 8);
}

TEST_F(Cifar10, ContentIsOfEveryByteOfEveryFile) {
  write_zeros(folder_);
  poke(folder_ / kNames[0], 0, 1);  // a second class
  const DatasetSpec spec = resolve(folder_);
  poke(folder_ / kNames[3], kFile - 1, 1);
  EXPECT_NE(resolve(folder_).content, spec.content);
  EXPECT_THAT(error_of(ErrorKind::corrupt, [&] { load_dataset(spec, "", folder_); }),
              HasSubstr("not those that the sweep was made with"));
}

TEST_F(Cifar10, MissingSaysWhereItIsLookedForAndWhereToGetIt) {
  EXPECT_THAT(refusal(), AllOf(HasSubstr("cifar10: no data_batch_1.bin in "),
                               HasSubstr((folder_ / "cifar-10-batches-bin").string() + " or " + folder_.string()),
                               HasSubstr("https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"),
                               HasSubstr("c32a1d4ab5d03f1284b67883e8d87530"), HasSubstr("ESPALIER_DATA")));
  write_zeros(folder_);
  std::filesystem::remove(folder_ / "test_batch.bin");
  EXPECT_THAT(refusal(), AllOf(HasSubstr((folder_ / "test_batch.bin").string()), HasSubstr("No such file")));
}

TEST_F(Cifar10, ATruncatedFileAndAWrongLabelAreNamed) {
  write_zeros(folder_);
  std::filesystem::resize_file(folder_ / kNames[1], kFile - 1);
  EXPECT_THAT(refusal(), AllOf(HasSubstr((folder_ / kNames[1]).string()),
                               HasSubstr("has 30729999 bytes, not the 30730000 of 10,000 records")));
  write_zeros(folder_);
  poke(folder_ / kNames[2], 16 * kRecord, 10);
  EXPECT_THAT(refusal(), AllOf(HasSubstr((folder_ / kNames[2]).string()), HasSubstr("record 16 has the label 10")));
}

TEST_F(Cifar10, RealFilesHoldEveryClassEquallyOften) {
  const DataFolder data = folder_named_by("ESPALIER_TEST_DATA", ESPALIER_TEST_DATA_DEFAULT);
  ESPALIER_NEEDS("cifar10", std::filesystem::exists(data / "cifar-10-batches-bin"),
                 "no cifar-10-batches-bin in " << data << "; set ESPALIER_TEST_DATA");
  const Dataset images = load_dataset(resolve(data), "", data);
  std::vector<int> train(10), test(10);
  for (const std::int64_t label : images.train.labels) ++train[static_cast<std::size_t>(label)];
  for (const std::int64_t label : images.validation.labels) ++train[static_cast<std::size_t>(label)];
  for (const std::int64_t label : images.test.labels) ++test[static_cast<std::size_t>(label)];
  EXPECT_THAT(train, Each(5'000));
  EXPECT_THAT(test, Each(1'000));
  // The published means, of all training images.
  for (std::size_t channel = 0; channel < 3; ++channel) {
    double sum = 0;
    for (std::size_t i = 0; i < 45'000; ++i) {
      const std::uint8_t* plane = images.train.pixels.data() + (i * 3 + channel) * 1024;
      for (std::size_t p = 0; p < 1024; ++p) sum += plane[p];
    }
    EXPECT_NEAR(sum / (45'000.0 * 1024 * 255), images.scale.mean[channel], 2e-3);
  }
}

TEST_F(Cifar10, FilesOfOneClassAndOfThePythonVersionAreRefused) {
  write_zeros(folder_);
  EXPECT_THAT(refusal(), HasSubstr("cifar10: all 45000 examples to train on are of class 0"));
  std::filesystem::remove(folder_ / kNames[0]);
  std::filesystem::create_directories(folder_ / "cifar-10-batches-py");
  write("cifar-10-batches-py/batches.meta", "\x80\x02}q");
  EXPECT_THAT(refusal(), AllOf(HasSubstr("cifar-10-batches-py is the Python version, whose pickles are not read"),
                               HasSubstr("download the binary version")));
  write(kNames[0], "version https://git-lfs.github.com/spec/v1\n");
  EXPECT_THAT(refusal(), HasSubstr("is not a file of CIFAR-10's binary version but a Git LFS pointer"));
}

}  // namespace
}  // namespace espalier
