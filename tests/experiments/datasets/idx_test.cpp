#include <gmock/gmock.h>

#include "experiments/datasets/dataset.h"
#include "tests/base/other_user.h"
#include "tests/experiments/datasets/idx_bytes.h"
#include "tests/needs.h"

namespace espalier {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

class IdxDataset : public IdxFolder {
 protected:
  DatasetRequest request() const {
    DatasetRequest request;
    request.name = "idx";
    request.path = folder_.string();
    return request;
  }
  DatasetSpec resolve() const { return resolve_dataset(request(), {}); }
  std::string refusal() const {
    return error_of(ErrorKind::invalid_input, [&] { resolve(); });
  }
};

TEST_F(IdxDataset, CountsClassesAndHoldsOneInTwelveForValidation) {
  write_set(31, 5, 3, 7);
  const DatasetSpec spec = resolve();
  EXPECT_EQ(spec.train, 28);
  EXPECT_EQ(spec.validation, 3);  // 31 / 12 = 2.6
  EXPECT_EQ(spec.test, 5);
  EXPECT_EQ(spec.classes, 7);
  EXPECT_THAT(spec.shape, ElementsAre(1, 3, 3));
}

TEST_F(IdxDataset, TheLastTrainingExamplesAreForValidation) {
  write_set(12, 2, 1, 5);
  DatasetRequest smaller = request();
  smaller.train = 6;
  smaller.validation = 2;
  smaller.test = 1;
  const Dataset data = load_dataset(resolve_dataset(smaller, {}), folder_.string(), {});
  EXPECT_THAT(data.train.pixels, ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(data.train.labels, ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(data.validation.pixels, ElementsAre(4, 5));
  EXPECT_THAT(data.validation.labels, ElementsAre(4, 0));
  EXPECT_THAT(data.test.pixels, ElementsAre(0));
  EXPECT_EQ(data.train.count + data.validation.count + data.test.count, 4 + 2 + 1);
}

TEST_F(IdxDataset, ContentIsOfTheBytesNotOfTheFiles) {
  write_set(12, 2, 1, 5);
  const DatasetSpec raw = resolve();
  for (const char* name : {"train-images-idx3-ubyte", "t10k-labels-idx1-ubyte"}) {
    const std::string bytes = read_file(folder_ / name, 1 << 20);
    std::filesystem::remove(folder_ / name);
    write_gzip(folder_ / (std::string(name) + ".gz"), bytes);
  }
  EXPECT_EQ(resolve(), raw);
  write("train-labels-idx1-ubyte", idx_labels(12, 4));
  EXPECT_NE(resolve().content, raw.content);
}

TEST_F(IdxDataset, FilesThatChangedSinceAreCorrupt) {
  write_set(12, 2, 1, 5);
  const DatasetSpec spec = resolve();
  write("train-labels-idx1-ubyte", idx_labels(12, 4));
  const std::string message = error_of(ErrorKind::corrupt, [&] { load_dataset(spec, folder_.string(), {}); });
  EXPECT_THAT(message, AllOf(HasSubstr(folder_.string()), HasSubstr("not those that the sweep was made with")));
}

TEST_F(IdxDataset, RefusesFilesThatDoNotBelongTogether) {
  write_set(12, 2, 1, 5);
  write("train-labels-idx1-ubyte", idx_labels(11, 5));
  EXPECT_THAT(refusal(), AllOf(HasSubstr("holds 11 labels"), HasSubstr("holds 12 images")));
  write_set(12, 2, 1, 5);
  write("t10k-images-idx3-ubyte", idx_images(2, 3));
  EXPECT_THAT(refusal(), AllOf(HasSubstr("images of 3x3 pixels"), HasSubstr("images of 1x1")));
  std::filesystem::remove(folder_ / "t10k-labels-idx1-ubyte");
  EXPECT_THAT(refusal(), HasSubstr("t10k-labels-idx1-ubyte is missing, with and without .gz"));
}

TEST_F(IdxDataset, RefusesCountsTheFilesDoNotHold) {
  write_set(12, 2, 1, 5);
  const auto refusal_of = [&](std::int64_t train, std::int64_t validation, std::int64_t test) {
    DatasetRequest wrong = request();
    wrong.train = train;
    wrong.validation = validation;
    wrong.test = test;
    return error_of(ErrorKind::invalid_input, [&] { resolve_dataset(wrong, {}); });
  };
  EXPECT_EQ(refusal_of(13, -1, -1), "idx: train: 13 examples were asked for; choose between 1 and 12");
  EXPECT_EQ(refusal_of(-1, 12, -1), "idx: validation: 12 examples were asked for; choose between 0 and 11");
  EXPECT_EQ(refusal_of(-1, -1, 0), "idx: test: 0 examples were asked for; choose between 1 and 2");
  EXPECT_EQ(refusal_of(12, 0, 2), "no error");
}

TEST_F(IdxDataset, NeedsAFolder) {
  DatasetRequest nowhere = request();
  nowhere.path = "";
  EXPECT_THAT(error_of(ErrorKind::invalid_input, [&] { resolve_dataset(nowhere, {}); }),
              HasSubstr("dataset: {idx: DIR}"));
}

TEST_F(IdxDataset, OtherNamesInUseAreKnown) {
  const auto rename = [&](const std::string& from, const std::string& to) {
    std::filesystem::rename(folder_ / from, folder_ / to);
  };
  write_set(24, 5, 3, 4);
  const DatasetSpec plain = resolve();
  rename("train-images-idx3-ubyte", "train-images.idx3-ubyte");
  rename("train-labels-idx1-ubyte", "train-labels.idx1-ubyte");
  rename("t10k-images-idx3-ubyte", "t10k-images.idx3-ubyte");
  EXPECT_EQ(resolve(), plain);
  rename("train-images.idx3-ubyte", "emnist-letters-train-images-idx3-ubyte");
  rename("train-labels.idx1-ubyte", "emnist-letters-train-labels-idx1-ubyte");
  rename("t10k-images.idx3-ubyte", "emnist-letters-test-images-idx3-ubyte");
  EXPECT_THAT(refusal(),
              AllOf(HasSubstr("train-images-idx3-ubyte is missing"), HasSubstr("by the other names in use")));
  rename("t10k-labels-idx1-ubyte", "emnist-letters-test-labels-idx1-ubyte");
  EXPECT_EQ(resolve(), plain);
  const std::vector<std::string> files{"train-images-idx3-ubyte", "train-labels-idx1-ubyte", "test-images-idx3-ubyte",
                                       "test-labels-idx1-ubyte"};
  for (const std::string& file : files)
    std::filesystem::copy_file(folder_ / ("emnist-letters-" + file), folder_ / ("emnist-digits-" + file));
  EXPECT_THAT(refusal(),
              HasSubstr("holds the files of emnist-digits and of emnist-letters; put one set into a folder"));
  write_set(12, 2, 2, 2);
  EXPECT_EQ(resolve().train, 11);  // MNIST's own names go first
}

TEST_F(IdxDataset, ABrokenFileBesideAGoodOneIsSaid) {
  write_set(24, 5, 3, 4);
  write_gzip(folder_ / "train-images-idx3-ubyte.gz", idx_images(24, 3));
  write("train-images-idx3-ubyte", idx_images(24, 3).substr(0, 100));
  EXPECT_THAT(refusal(), AllOf(HasSubstr("train-images-idx3-ubyte: is truncated"),
                               HasSubstr("(or remove it: train-images-idx3-ubyte.gz beside it is read")));
  std::filesystem::remove(folder_ / "train-images-idx3-ubyte");
  EXPECT_EQ(resolve().classes, 4);
}

TEST_F(IdxDataset, WhatMayNotBeReadIsNotMissing) {
  ESPALIER_NEEDS("users", can_be_other_user(), "only root can be two users; run the tests as root");
  write_set(24, 5, 3, 4);
  std::filesystem::permissions(folder_, std::filesystem::perms::owner_all);
  EXPECT_THAT(as_other_user([&] { resolve(); }), HasSubstr(folder_.string() + ": cannot be read: Permission denied"));
  DatasetRequest colors;
  colors.name = "cifar10";
  EXPECT_THAT(as_other_user([&] { resolve_dataset(colors, folder_); }), HasSubstr("cannot be read: Permission denied"));
}

TEST_F(IdxDataset, WhatIsSomethingElseIsNoDamage) {
  write_set(24, 5, 3, 4);
  write("train-labels-idx1-ubyte", "<html><body>Access denied</body></html>");
  EXPECT_THAT(refusal(), HasSubstr("is not an IDX file of labels but a web page, which a server sent in its place"));
  write("train-labels-idx1-ubyte", "version https://git-lfs.github.com/spec/v1\noid sha256:0\n");
  EXPECT_THAT(refusal(), HasSubstr("is not an IDX file of labels but a Git LFS pointer"));
  write("train-labels-idx1-ubyte", "something else");
  EXPECT_THAT(refusal(), HasSubstr("does not begin with 0x00000801"));
}

}  // namespace
}  // namespace espalier
