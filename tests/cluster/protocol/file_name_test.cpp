#include "cluster/protocol/file_name.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace espalier {
namespace {

const std::string kHex(64, 'a');

TEST(FileNames, APlainPathStaysBelowItsFolder) {
  for (const char* good : {"a", "mnist/train-images-idx3-ubyte.gz", "a b/c.d", "..a", ".hidden"}) {
    EXPECT_TRUE(is_plain_path(good)) << good;
  }
  const std::string deep = "1/2/3/4/5/6/7/8";
  EXPECT_TRUE(is_plain_path(deep));
  for (const std::string& bad : {std::string(), std::string("/etc/passwd"), std::string(".."), std::string("."),
                                 std::string("a/../b"), std::string("a//b"), std::string("a/"), std::string("a\\b"),
                                 std::string("a\nb"), std::string("a\0b", 3), std::string(256, 'a'), deep + "/9"}) {
    EXPECT_FALSE(is_plain_path(bad)) << bad;
  }
}

TEST(FileNames, EveryKindHasItsForm) {
  for (const FileKind kind : {FileKind::artifact, FileKind::resume, FileKind::checkpoint, FileKind::model}) {
    EXPECT_NO_THROW(check_file_name({kind, kHex}));
    EXPECT_THROW(check_file_name({kind, kHex + "/x"}), Error);
    EXPECT_THROW(check_file_name({kind, "../secret"}), Error);
    EXPECT_THROW(check_file_name({kind, std::string(64, 'A')}), Error);
  }
  EXPECT_NO_THROW(check_file_name(dataset_listing("idx:1")));
  EXPECT_NO_THROW(check_file_name(dataset_file("idx:1", "mnist/t10k.gz")));
  for (const char* bad : {"../secret", "/etc/passwd", "a/../../../secret", ""}) {
    EXPECT_THROW(check_file_name(dataset_file("idx:1", bad)), Error) << bad;
  }
}

TEST(FileNames, PlacesAreThoseOfAStore) {
  const StageKey key{sha256("a stage")};
  const std::string hex = to_hex(key);
  EXPECT_EQ(place_of("store", file_of_stage(FileKind::artifact, key)),
            "store/artifacts/" + hex.substr(0, 2) + "/" + hex + ".safetensors");
  EXPECT_EQ(place_of("store", file_of_stage(FileKind::resume, key)),
            "store/artifacts/" + hex.substr(0, 2) + "/" + hex + ".resume.safetensors");
  EXPECT_EQ(place_of("store", dataset_file("c", "a/b")), "store/datasets/" + dataset_id("c") + "/a/b");
}

}  // namespace
}  // namespace espalier
