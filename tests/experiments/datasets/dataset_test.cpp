#include "experiments/datasets/dataset.h"

#include <cstdlib>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace espalier {
namespace {

using testing::HasSubstr;

TEST(Dataset, UnknownNamesGetTheChoices) {
  DatasetRequest request;
  request.name = "glyph";
  try {
    resolve_dataset(request, {});
    FAIL() << "a dataset without a source was resolved";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::invalid_input);
    EXPECT_THAT(error.what(), HasSubstr("dataset: unknown \"glyph\"; did you mean \"glyphs\"? (one of mnist, "
                                        "fashion_mnist, cifar10, idx, tensors, glyphs"));
  }
}

TEST(Dataset, TheFolderIsTheOptionsThenTheEnvironmentsThenData) {
  ASSERT_EQ(setenv("ESPALIER_DATA", "/from/environment", 1), 0);
  EXPECT_EQ(data_folder("/from/option"), "/from/option");
  EXPECT_EQ(data_folder(""), "/from/environment");
  ASSERT_EQ(unsetenv("ESPALIER_DATA"), 0);
  EXPECT_EQ(data_folder(""), "data");
}

TEST(Dataset, TheListSaysWhatIsThereAndWhereToGetTheRest) {
  const std::vector<DatasetStatus> list = list_datasets("/nonexistent");
  ASSERT_GE(list.size(), 3U);
  for (const DatasetStatus& status : list) {
    EXPECT_FALSE(status.about.empty());
    EXPECT_FALSE(status.where.empty());
    EXPECT_EQ(status.present, status.name == "glyphs") << status.name;
  }
  EXPECT_THAT(list[0].where, HasSubstr("download"));
}

}  // namespace
}  // namespace espalier
