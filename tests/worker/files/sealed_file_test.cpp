#include "worker/files/sealed_file.h"

#include <fstream>
#include <unistd.h>

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"
#include "worker/artifacts/artifact_store.h"

namespace espalier {
namespace {

class SealedFiles : public testing::Test {
 protected:
  SealedFiles()
      : folder_(std::filesystem::temp_directory_path() / ("espalier_sealed_test" + std::to_string(::getpid()))) {}
  ~SealedFiles() override { std::filesystem::remove_all(folder_); }

  Safetensors content() const { return {{{"kind", "weights"}}, {{"w", TensorType::u8, {3}, bytes_}}}; }
  ErrorKind kind_of_reading(const std::filesystem::path& path, const StageKey& key) {
    try {
      read_sealed_file(path, key);
    } catch (const Error& error) {
      return error.kind();
    }
    ADD_FAILURE() << "damage went unnoticed";
    return ErrorKind::internal;
  }

  const std::string bytes_ = "abc";
  const std::filesystem::path folder_;
  const StageKey key_{sha256("a stage")};
};

TEST_F(SealedFiles, AStoreThatCannotBeWrittenIsTheMachinesFaultWhateverTheReason) {
  std::filesystem::create_directories(folder_ / "in_the_way.file");
  std::ofstream(folder_ / "file") << "not a folder";
  // Neither permissions nor a full disk, which root would not notice: ENOTDIR, ENAMETOOLONG and EISDIR.
  for (const auto& path : {folder_ / "file" / "a", folder_ / std::string(300, 'x'), folder_ / "in_the_way.file"}) {
    try {
      write_sealed_file(path, key_, content());
      ADD_FAILURE() << path << " was written";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::exhausted) << error.what();
      EXPECT_NE(std::string(error.what()).find(path.parent_path().string()), std::string::npos) << error.what();
    }
  }
}

TEST_F(SealedFiles, EqualContentGivesEqualBytes) {
  const StoredFile first = write_sealed_file(folder_ / "a", key_, content());
  const StoredFile second = write_sealed_file(folder_ / "deep" / "b", key_, content());
  EXPECT_EQ(first.sha256, second.sha256);
  EXPECT_EQ(first.sha256, to_hex(sha256_file(folder_ / "a")));
  EXPECT_EQ(first.bytes, static_cast<std::int64_t>(std::filesystem::file_size(folder_ / "a")));
  const auto back = read_sealed_file(folder_ / "a", key_);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->content.tensors.at(0).bytes, "abc");
  EXPECT_EQ(back->content.metadata.at("kind"), "weights");
  EXPECT_FALSE(read_sealed_file(folder_ / "missing", key_));
}

TEST_F(SealedFiles, AnyChangedByteIsNoticed) {
  write_sealed_file(folder_ / "a", key_, content());
  const std::string good = read_file(folder_ / "a", 1 << 20);
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 1);
    std::ofstream(folder_ / "a", std::ios::binary) << bad;
    EXPECT_EQ(kind_of_reading(folder_ / "a", key_), ErrorKind::corrupt) << "byte " << i;
  }
}

TEST_F(SealedFiles, AnotherStagesFileIsRefused) {
  write_sealed_file(folder_ / "a", key_, content());
  EXPECT_EQ(kind_of_reading(folder_ / "a", StageKey{sha256("another")}), ErrorKind::corrupt);
}

TEST_F(SealedFiles, TheStoreNamesFilesByKeyAndMissesThemAsCorrupt) {
  const ArtifactStore store(folder_);
  const std::string name = to_hex(key_);
  EXPECT_EQ(store.path_of(key_), folder_ / name.substr(0, 2) / (name + ".safetensors"));
  EXPECT_THROW(store.read(key_), Error);
  store.write(key_, content());
  EXPECT_EQ(store.read(key_).content.tensors.size(), 1U);
}

TEST_F(SealedFiles, AFolderThatCannotBeMadeIsTheUsersToMend) {
  write_file_atomically(std::filesystem::temp_directory_path() / folder_.filename(), "a file where the folder belongs");
  EXPECT_THROW(ArtifactStore(folder_).write(key_, content()), Error);
}

}  // namespace
}  // namespace espalier
