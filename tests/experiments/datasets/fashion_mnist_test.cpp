#include <cstdlib>
#include <optional>

#include <gmock/gmock.h>

#include "experiments/datasets/dataset.h"
#include "tests/experiments/datasets/idx_bytes.h"

namespace espalier {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class FashionMnist : public IdxFolder {
 protected:
  void SetUp() override {
    IdxFolder::SetUp();
    if (const char* before = std::getenv("XDG_DATA_DIRS")) before_ = before;
    // This machine may have the package.
    ::setenv("XDG_DATA_DIRS", ("relative:" + (folder_ / "none").string() + ":" + share().string()).c_str(), 1);
  }
  void TearDown() override {
    before_ ? ::setenv("XDG_DATA_DIRS", before_->c_str(), 1) : ::unsetenv("XDG_DATA_DIRS");
    IdxFolder::TearDown();
  }
  std::filesystem::path share() const { return folder_ / "usr/share"; }

  /// Files of the set's sizes, of another content, into a folder of the data folder.
  void write_into(const std::string& place, std::uint32_t test, std::uint32_t side, std::uint32_t classes) {
    const DataFolder data = folder_;
    folder_ = data / place;
    std::filesystem::create_directories(folder_);
    write_set(60'000, test, side, classes);
    folder_ = data;
  }
  DatasetSpec resolve() const {
    DatasetRequest request;
    request.name = "fashion_mnist";
    return resolve_dataset(request, folder_);
  }
  std::string refusal() const {
    return error_of(ErrorKind::invalid_input, [&] { resolve(); });
  }

  std::optional<std::string> before_;
};

TEST_F(FashionMnist, IsFoundUnderEveryUsualNameOfItsFolder) {
  for (const char* place : {"FashionMNIST/raw", "fashion-mnist", "fashion_mnist"}) {
    write_into(place, 10'000, 28, 10);
    const DatasetSpec spec = resolve();
    EXPECT_EQ(spec.name, "fashion_mnist");
    EXPECT_EQ(spec.train, 55'000);
    EXPECT_EQ(spec.validation, 5'000);
    EXPECT_EQ(spec.test, 10'000);
    const Dataset data = load_dataset(spec, "", folder_);
    EXPECT_EQ(data.validation.labels.front(), 0);  // 55,000 modulo 10
    EXPECT_EQ(data.train.pixels[784], 784 % 251);
    EXPECT_TRUE(data.scale.mean.empty());
    std::filesystem::remove_all(folder_ / place);
  }
}

// Its files are called as MNIST's: those beside it must not be taken for it.
TEST_F(FashionMnist, IsNotLookedForAmongMnistsFiles) {
  write_set(12, 2, 28, 10);
  EXPECT_THAT(refusal(), AllOf(HasSubstr("fashion_mnist: not found in " + (folder_ / "fashion_mnist").string()),
                               HasSubstr("train-images-idx3-ubyte.gz"), HasSubstr("from http"),
                               HasSubstr("ESPALIER_DATA"), HasSubstr("dataset-fashion-mnist")));
}

TEST_F(FashionMnist, WhatAPackageInstalledIsFound) {
  write_into("usr/share/datasets/fashion-mnist", 10'000, 28, 10);
  const DatasetSpec spec = resolve();
  EXPECT_EQ(load_dataset(spec, "", folder_).test.labels.size(), 10'000U);
  // By names under which the same loader finds them in another folder.
  for (const DatasetFile& file : dataset_files("fashion_mnist", "", folder_)) {
    EXPECT_EQ(file.name.find("fashion-mnist/"), 0U) << file.name;
    EXPECT_EQ(file.path, share() / "datasets" / file.name);
  }
  // What is in the data folder goes before it.
  write_into("fashion_mnist", 9'000, 28, 10);
  EXPECT_THAT(refusal(), HasSubstr((folder_ / "fashion_mnist").string() + ": not Fashion-MNIST"));
}

TEST_F(FashionMnist, OtherSizesAreAnotherSet) {
  write_into("fashion_mnist", 9'000, 28, 10);
  EXPECT_THAT(refusal(), AllOf(HasSubstr("not Fashion-MNIST"), HasSubstr("here are 60000 and 9000 of 28x28 in 10"),
                               HasSubstr("dataset: {idx: ")));
}

}  // namespace
}  // namespace espalier
