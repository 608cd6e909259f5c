#include "experiments/datasets/dataset_download.h"

#include <set>

#include <gmock/gmock.h>

#include "base/error.h"
#include "base/sha256.h"
#include "tests/experiments/datasets/idx_bytes.h"

namespace espalier {
namespace {

using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

TEST(DatasetDownload, EachIsOfNamedFilesWithSizeAndHashFromHttps) {
  EXPECT_EQ(published_datasets(), "mnist, fashion_mnist, cifar10");
  std::set<std::string> hashes;
  std::size_t files = 0;
  for (const char* name : {"mnist", "fashion_mnist", "cifar10"}) {
    const DatasetDownload download = dataset_download(name);
    ASSERT_FALSE(download.mirrors.empty());
    for (const std::string& mirror : download.mirrors)
      EXPECT_THAT(mirror, AllOf(StartsWith("https://"), EndsWith("/"))) << name;
    EXPECT_TRUE(std::filesystem::path(download.folder).is_relative()) << name;
    for (const DownloadFile& file : download.files) {
      EXPECT_GT(file.bytes, 4000U) << file.name;
      EXPECT_NO_THROW(digest_from_hex(file.sha256)) << file.name;
      hashes.insert(file.sha256);
      ++files;
    }
    EXPECT_TRUE(download.members.empty() || download.files.size() == 1) << name;
  }
  EXPECT_EQ(files, 9U);
  EXPECT_EQ(hashes.size(), files);
}

TEST(DatasetDownload, WhatNobodyPublishesIsRefusedWithTheChoices) {
  for (const auto& [name, why] :
       {std::pair{"glyphs", "glyphs is generated"}, {"idx", "idx is made of files of your"}}) {
    EXPECT_THAT(error_of(ErrorKind::invalid_input, [&] { dataset_download(name); }),
                AllOf(HasSubstr(why), HasSubstr("what can be fetched: mnist, fashion_mnist, cifar10")));
  }
  EXPECT_THAT(error_of(ErrorKind::invalid_input, [] { dataset_download("mnits"); }), HasSubstr("did you mean"));
}

TEST(DatasetDownload, WhatIsMissingNamesTheCommandThatGetsIt) {
  for (const char* name : {"mnist", "fashion_mnist", "cifar10"}) {
    const std::string command = "espalier datasets fetch " + std::string(name);
    const DatasetStatus elsewhere = dataset_status(name, "/nonexistent");
    EXPECT_FALSE(elsewhere.present);
    EXPECT_THAT(elsewhere.where, HasSubstr("get it with: " + command + " --data /nonexistent; or download"));
    ASSERT_EQ(::setenv("ESPALIER_DATA", "/nonexistent", 1), 0);
    EXPECT_THAT(dataset_status(name, data_folder("")).where, HasSubstr("get it with: " + command + "; or download"));
    ASSERT_EQ(::unsetenv("ESPALIER_DATA"), 0);
  }
}

TEST(DatasetDownload, ByHandItGoesWhereTheLoaderLooks) {
  EXPECT_EQ(download_by_hand(dataset_download("cifar10"), "d"),
            "download cifar-10-binary.tar.gz from https://www.cs.toronto.edu/~kriz/ and unpack it in d");
  EXPECT_THAT(download_by_hand(dataset_download("mnist"), "d"),
              AllOf(StartsWith("download train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz, "),
                    EndsWith(" into d/mnist")));
}

}  // namespace
}  // namespace espalier
